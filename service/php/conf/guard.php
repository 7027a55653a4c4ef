<?php
// Runs before every script. A link in the document root may lead out of it (uploads often lie elsewhere), and Apache
// serves what it leads to; but code that is run has to lie within, and not where visitors put their files. Where, says
// php.ini, which no request can change. The closure gives what the nearest .user.ini has for auto_prepend_file, as this
// guard is in its place; it looks for one only where the site had one when PHP was started, as each look costs something.
if (
    $_SERVER['LAMPLIGHTER_PREPEND'] = (static function (): ?string {
        $root = realpath(get_cfg_var('lamplighter.document_root'));
        $script = realpath($_SERVER['SCRIPT_FILENAME'] ?? '');
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
        if (!get_cfg_var('lamplighter.user_ini')) {
            return null;
        }
        for ($folder = dirname($script); strlen($folder) >= strlen($root); $folder = dirname($folder)) {
            $file = is_file("$folder/.user.ini") ? @parse_ini_file("$folder/.user.ini")['auto_prepend_file'] ?? null : null;
            if ($file !== null) {
                return $file === 'none' ? null : $file;
            }
        }
        return null;
    })()
) {
    require $_SERVER['LAMPLIGHTER_PREPEND'];
}
