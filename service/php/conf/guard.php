<?php
// Runs before every script. A link in the document root may lead out of it (uploads often lie elsewhere), and Apache
// serves what it leads to; but code that is run has to lie within, and not where visitors put their files. Where, says
// php.ini, which no request can change. It asks for the one variable that it needs by getenv(): a script that names
// $_SERVER has PHP make it of all of them, at every request, also where the site does not want it.
(static function (): void {
    $root = realpath(get_cfg_var('lamplighter.document_root'));
    $script = getenv('SCRIPT_FILENAME');
    $script = $script === false ? false : realpath($script);
    $inside = $root !== false && $script !== false && str_starts_with($script, $root . '/');
    $uploads = get_cfg_var('lamplighter.upload_dirs');
    foreach ($uploads ? explode(' ', $uploads) : [] as $folder) {
        $folder = trim($folder, '/');
        $inside = $inside && ($folder === '' || !str_starts_with($script, "$root/$folder/"));
    }
    if (!$inside) {
        http_response_code(403);
        exit("403 Forbidden\n");
    }
})();
if (get_cfg_var('lamplighter.user_ini')) {
    require __DIR__ . '/prepend.php';
}
