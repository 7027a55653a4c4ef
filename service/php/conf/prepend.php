<?php
// What the nearest .user.ini has for auto_prepend_file, as guard.php is in its place. It is looked for only where the site had
// one when PHP was started, as each look costs something.
if (
    $_SERVER['LAMPLIGHTER_PREPEND'] = (static function (): ?string {
        $root = realpath(get_cfg_var('lamplighter.document_root'));
        for ($folder = dirname(realpath($_SERVER['SCRIPT_FILENAME'])); strlen($folder) >= strlen($root); $folder = dirname($folder)) {
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
