<?php
declare(strict_types=1);

// The site's own housekeeping: the action `task-check` of the service `php` runs it, every few minutes.
// This one leaves a row that the front page shows.

if (PHP_SAPI !== 'cli') {
    http_response_code(403);
    exit("403 Forbidden\n");
}

require __DIR__ . '/stack.php';

$user = posix_getpwuid(posix_geteuid())['name'] ?? (string) posix_geteuid();
$run = withTables(database(), fn (PDO $database): int => addRow($database, 'task_runs', 'user', $user));
echo "task.php: run $run as $user\n";
