<?php
// Runs before every script. A link in the document root may lead out of it (uploads often lie elsewhere), and Apache
// serves what it leads to; but code that is run has to lie within, and not where visitors put their files. Where, says
// php.ini, which no request can change.
namespace Lamplighter;

function refuseStrangeScript(): void
{
    $root = \realpath(\get_cfg_var('lamplighter.document_root'));
    $script = \realpath($_SERVER['SCRIPT_FILENAME'] ?? '');
    $refused = $root === false || $script === false || !\str_starts_with($script, $root . '/');
    foreach (\explode(' ', (string) \get_cfg_var('lamplighter.upload_dirs')) as $folder) {
        $folder = \trim($folder, '/');
        $refused = $refused || $folder !== '' && \str_starts_with($script, "$root/$folder/");
    }
    if ($refused) {
        \http_response_code(403);
        exit("403 Forbidden\n");
    }
}

// What the nearest .user.ini has for auto_prepend_file, as this guard is in its place.
function fileOfTheSite(): ?string
{
    $root = \realpath(\get_cfg_var('lamplighter.document_root'));
    for ($folder = \dirname(\realpath($_SERVER['SCRIPT_FILENAME'])); \strlen($folder) >= \strlen($root); $folder = \dirname($folder)) {
        if (!\is_file("$folder/.user.ini")) {
            continue;
        }
        $file = @\parse_ini_file("$folder/.user.ini")['auto_prepend_file'] ?? null;
        if ($file !== null) {
            return $file === '' || $file === 'none' ? null : $file;
        }
    }
    return null;
}

refuseStrangeScript();
if (fileOfTheSite() !== null) {
    require fileOfTheSite();
}
