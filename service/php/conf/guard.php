<?php
// Runs before every script. A link in the document root may lead out of it (uploads often lie elsewhere), and Apache
// serves what it leads to; but code that is run has to lie within. PHP_SELF and friends are the client's to shape,
// SCRIPT_FILENAME and DOCUMENT_ROOT are Apache's.
(static function (): void {
    $root = realpath($_SERVER['DOCUMENT_ROOT'] ?? '');
    $script = realpath($_SERVER['SCRIPT_FILENAME'] ?? '');
    if ($root === false || $script === false || !str_starts_with($script, $root . '/')) {
        http_response_code(403);
        exit("403 Forbidden\n");
    }
})();
