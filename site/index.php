<?php
declare(strict_types=1);

// Shows the parts of the stack at work. `?format=json` says the same to programs.

require __DIR__ . '/stack.php';

/** Runs a check; a part that fails takes nothing else of the page with it. The reason is for the log, not the world. */
function check(string $part, callable $work): array
{
    $started = hrtime(true);
    try {
        $facts = $work();
        $ok = true;
    } catch (Throwable $problem) {
        error_log("$part: {$problem->getMessage()}");
        $facts = [];
        $ok = false;
    }

    return ['ok' => $ok, 'ms' => round((hrtime(true) - $started) / 1e6, 1)] + $facts;
}

function checkMariaDb(): array
{
    return withTables(database(), function (PDO $database): array {
        $id = addRow($database, 'visits', 'protocol', substr($_SERVER['SERVER_PROTOCOL'], 0, 16));

        return [
            'version' => strtok($database->getAttribute(PDO::ATTR_SERVER_VERSION), '-'),
            'row' => $id,
            'visits' => $database->query('SELECT id, seen_at, protocol FROM visits ORDER BY id DESC LIMIT 5')->fetchAll(),
            'task' => $database->query('SELECT id, seen_at, user FROM task_runs ORDER BY id DESC LIMIT 1')->fetch() ?: null,
        ];
    });
}

function checkRedis(): array
{
    $redis = redis();

    return ['count' => $redis->incr('lamplighter:views'), 'version' => $redis->info('server')['redis_version']];
}

function html(string|int|float $text): string
{
    return htmlspecialchars((string) $text, ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML5, 'UTF-8');
}

$parts = [
    'mariadb' => check('MariaDB', checkMariaDb(...)),
    'redis' => check('Redis', checkRedis(...)),
];
$down = array_keys(array_filter($parts, fn (array $part): bool => !$part['ok']));
$protocol = $_SERVER['SERVER_PROTOCOL'] . (empty($_SERVER['HTTPS']) ? '' : ', encrypted');

http_response_code($down ? 503 : 200);
header('Cache-Control: no-store');
if ($down) {
    header('Retry-After: 10');
}

if (($_GET['format'] ?? '') === 'json') {
    header('Content-Type: application/json');
    echo json_encode(['ok' => !$down, 'down' => $down, 'protocol' => $protocol, 'php' => PHP_VERSION] + $parts), "\n";
    exit;
}

$nonce = base64_encode(random_bytes(12));
header("Content-Security-Policy: default-src 'none'; style-src 'nonce-$nonce'; img-src data:; base-uri 'none'; frame-ancestors 'none'");

$names = ['mariadb' => 'MariaDB', 'redis' => 'Redis'];
$downNames = implode(' and ', array_map(fn (string $part): string => $names[$part], $down));
['mariadb' => $mariadb, 'redis' => $redis] = $parts;
?>
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><?= $down ? html("$downNames down") : 'All lamps are lit' ?> · Lamplighter</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23<?= $down ? 'c2410c' : 'f5b942' ?>'/%3E%3C/svg%3E">
<style nonce="<?= html($nonce) ?>">
:root {
    color-scheme: light dark;
    --page: #fbf7ef; --card: #fff; --text: #2b2620; --soft: #7a7064; --line: #e9e0d2; --lit: #b7791f; --glow: #fdf0cf; --out: #c2410c;
}
@media (prefers-color-scheme: dark) {
    :root { --page: #16181d; --card: #1e2128; --text: #ece6da; --soft: #9d968a; --line: #2e323b; --lit: #f5b942; --glow: #33291366; --out: #fb7c45; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 3.5rem 1.25rem 2.5rem; }
header { display: flex; gap: 1.25rem; align-items: center; margin-bottom: 2.25rem; }
header svg { width: 3.25rem; height: auto; flex: none; }
.flame { fill: var(--lit); } .frame { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.down .flame { fill: none; }
h1 { margin: 0; font-size: 1.85rem; line-height: 1.2; letter-spacing: -0.015em; }
.down h1 { color: var(--out); }
header p { margin: 0.3rem 0 0; color: var(--soft); }
.parts { display: grid; grid-template-columns: repeat(auto-fit, minmax(12.5rem, 1fr)); gap: 1rem; }
.part { background: var(--card); border: 1px solid var(--line); border-top: 3px solid var(--lit); border-radius: 10px; padding: 1rem 1.15rem 1.1rem; }
.part.out { border-color: var(--out); }
.part h2 { display: flex; justify-content: space-between; align-items: baseline; margin: 0; font-size: 1rem; }
.part h2 span { font-size: 0.8rem; font-weight: 500; color: var(--lit); }
.part.out h2 span { color: var(--out); }
.figure { margin: 0.5rem 0 0; font-size: 1.9rem; line-height: 1.2; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -0.02em; }
.part p { margin: 0.15rem 0 0; color: var(--soft); font-size: 0.9rem; }
section { margin-top: 2.5rem; }
section h2 { font-size: 1.05rem; margin: 0 0 0.6rem; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.5rem 1.15rem; text-align: left; white-space: nowrap; }
th { font-size: 0.8rem; font-weight: 500; color: var(--soft); border-bottom: 1px solid var(--line); }
tr.new td { background: var(--glow); font-weight: 600; }
@media (max-width: 30rem) { .parts { grid-template-columns: 1fr 1fr; } .figure { font-size: 1.45rem; } th, td { padding: 0.5rem 0.8rem; } }
footer { margin-top: 2.5rem; color: var(--soft); font-size: 0.9rem; }
code { font: 0.92em ui-monospace, monospace; background: var(--glow); padding: 0.1em 0.35em; border-radius: 4px; color: var(--text); }
</style>
</head>
<body<?= $down ? ' class="down"' : '' ?>>
<main>
<header>
<svg viewBox="0 0 32 44" aria-hidden="true"><path class="flame" d="M16 14c3 4 5 6 5 9.5a5 5 0 0 1-10 0C11 20 13 18 16 14z"/><path class="frame" d="M16 2v4M7 12l9-6 9 6zM8 12l3 20h10l3-20M11 32h10v4H11zM16 36v6"/></svg>
<div>
<h1><?= $down ? html("$downNames " . (count($down) > 1 ? 'are' : 'is') . ' down') : 'All lamps are lit' ?></h1>
<p><?= $down ? 'The rest of the page works without. The reason is in PHP’s log.' : 'This page has come through every part of the stack.' ?></p>
</div>
</header>

<div class="parts">
<article class="part"><h2>Apache <span>up</span></h2>
<div class="figure"><?= html($_SERVER['SERVER_PROTOCOL']) ?></div>
<p><?= empty($_SERVER['HTTPS']) ? 'not encrypted' : 'encrypted' ?></p></article>

<article class="part"><h2>PHP-FPM <span>up</span></h2>
<div class="figure"><?= html(PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION) ?></div>
<p>as <?= html(posix_getpwuid(posix_geteuid())['name'] ?? posix_geteuid()) ?>, OPcache <?= (opcache_get_status(false)['opcache_enabled'] ?? false) ? 'on' : 'off' ?></p></article>

<article class="part<?= $mariadb['ok'] ? '' : ' out' ?>"><h2>MariaDB <span><?= $mariadb['ok'] ? 'up' : 'down' ?></span></h2>
<?php if ($mariadb['ok']): ?>
<div class="figure"><?= html(number_format($mariadb['row'])) ?></div>
<p>is the row just written, <?= html($mariadb['ms']) ?> ms</p></article>
<?php else: ?>
<div class="figure">–</div>
<p>does not answer</p></article>
<?php endif ?>

<article class="part<?= $redis['ok'] ? '' : ' out' ?>"><h2>Redis <span><?= $redis['ok'] ? 'up' : 'down' ?></span></h2>
<?php if ($redis['ok']): ?>
<div class="figure"><?= html(number_format($redis['count'])) ?></div>
<p>page views counted, <?= html($redis['ms']) ?> ms</p></article>
<?php else: ?>
<div class="figure">–</div>
<p>does not answer</p></article>
<?php endif ?>
</div>

<?php if ($mariadb['ok']): ?>
<section>
<h2>Read back from MariaDB</h2>
<div class="scroll"><table>
<thead><tr><th>Visit</th><th>Time (UTC)</th><th>Protocol</th></tr></thead>
<tbody>
<?php foreach ($mariadb['visits'] as $visit): ?>
<tr<?= (int) $visit['id'] === $mariadb['row'] ? ' class="new"' : '' ?>><td><?= html($visit['id']) ?></td><td><?= html(substr($visit['seen_at'], 0, 19)) ?></td><td><?= html($visit['protocol']) ?></td></tr>
<?php endforeach ?>
</tbody>
</table></div>
</section>

<section>
<h2>Housekeeping</h2>
<?php if ($mariadb['task']): ?>
<p><code>task-check</code> last ran <code>task.php</code> at <?= html(substr($mariadb['task']['seen_at'], 0, 19)) ?> UTC as <?= html($mariadb['task']['user']) ?> (run <?= html($mariadb['task']['id']) ?>).</p>
<?php else: ?>
<p><code>task-check</code> has not run <code>task.php</code> yet: the schedule has it every five minutes.</p>
<?php endif ?>
</section>
<?php endif ?>

<footer>Put your own site in: set <code>SITE_PATH</code> in <code>.env</code> and run <code>bin/up</code> again.</footer>
</main>
</body>
</html>
