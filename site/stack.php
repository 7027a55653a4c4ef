<?php
declare(strict_types=1);

// How this site reaches the stack's services. Everything is a unix socket: MariaDB knows us by our uid, and Redis by a
// password in a file that only we can read.

if (PHP_SAPI !== 'cli' && realpath($_SERVER['SCRIPT_FILENAME']) === __FILE__) {
    http_response_code(404);
    exit;
}

function database(): PDO
{
    $dsn = sprintf('mysql:unix_socket=%s;dbname=%s;charset=utf8mb4', getenv('DB_SOCKET'), getenv('DB_NAME'));
    $database = new PDO($dsn, getenv('DB_USER'), options: [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
        PDO::ATTR_EMULATE_PREPARES => false,
        PDO::ATTR_TIMEOUT => 2,
    ]);
    $database->exec("SET time_zone = '+00:00'");

    return $database;
}

function redis(): Redis
{
    $redis = new Redis();
    $redis->connect(getenv('REDIS_SOCKET'), 0, 1.0, null, 0, 2.0);
    // With its user's name it works also where Redis wants no password (CACHE_WITHOUT_PASSWORD).
    $redis->auth(['default', rtrim((string) file_get_contents(getenv('REDIS_PASSWORD_FILE')), "\n")]);

    return $redis;
}

// The tables are made when they are first missed, so that a page view costs no look at the schema.
function withTables(PDO $database, callable $work): mixed
{
    try {
        return $work($database);
    } catch (PDOException $problem) {
        if ($problem->getCode() !== '42S02') {
            throw $problem;
        }
    }
    foreach (['visits' => 'protocol VARCHAR(16)', 'task_runs' => 'user VARCHAR(32)'] as $table => $column) {
        $database->exec("CREATE TABLE IF NOT EXISTS $table (
            id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
            seen_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
            $column NOT NULL
        ) ENGINE = InnoDB");
    }

    return $work($database);
}

// Adds a row and keeps the table from growing for ever, as the page counts its rows; gives the new row's id.
function addRow(PDO $database, string $table, string $column, string $value): int
{
    $database->prepare("INSERT INTO $table ($column) VALUES (?)")->execute([$value]);
    $id = (int) $database->lastInsertId();
    $database->prepare("DELETE FROM $table WHERE id <= ?")->execute([$id - 1000]);

    return $id;
}
