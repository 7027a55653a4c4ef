# The snapshots of a repository, as `restic snapshots --json` lists them: which is the newest, whose time can be right,
# and which are thrown away. A clock may have been wrong on any night, so that what counts is the order in which
# snapshots were added: each has it in a tag, which a copy and a new machine have, too.

# Seconds since 1970 of a time as restic writes it.
def instant:
    capture("^(?<at>[0-9T:-]{19})([.][0-9]+)?(?<sign>Z|[+-])(?<hours>[0-9]{2})?:?(?<minutes>[0-9]{2})?$")
    | (.at + "Z" | fromdate) as $there
    | if .sign == "Z" then $there else
        ((.hours | tonumber) * 3600 + (.minutes | tonumber) * 60) as $east
        | if .sign == "+" then $there - $east else $there + $east end
      end;

# Its place in the order. One that bears none, from an earlier version or of restic's own making, has that of its time.
def added:
    [.tags // [] | .[] | select(startswith("added-")) | .[6:] | tonumber?] | max;
def place: added // (.time | instant);

# What a snapshot is of: null where it is no backup, as that of a key is.
def kind: [.tags // [] | .[] | select(. == "database" or . == "physical" or . == "files")][0];
def of_kind($tag): map(select(.tags // [] | index($tag)));
# A line for whoever restores it.
def described: "\(kind) \(.short_id) \(.time[:19]) \(.summary.total_bytes_processed // 0)";
def in_order: sort_by(place, (.time | instant));
def newest($tag): of_kind($tag) | in_order | last // empty;

# What a tag says: "history" of `history-20261128T…`.
def tagged($name): [.tags // [] | .[] | select(startswith($name + "-")) | .[($name | length) + 1:]][0];

# The two newest copies of MariaDB's files that this one of the database's SQL can be reached from, by the changes after them: the newest
# last.
def physical_before($sql):
    of_kind("physical") | map(select(tagged("history") != null and tagged("history") == ($sql | tagged("history")) and place < ($sql | place)))
    | in_order | .[-2:][];

# The newest one that was whole by then, for changes to be added up to that second.
def physical_by($seconds):
    of_kind("physical") | map(select(tagged("history") != null and (.summary.backup_end // .time | instant) <= $seconds))
    | in_order | last // empty;

# The newest one from which this log of this history can be reached, of those that were whole by that second.
def physical_before_log($history; $log; $seconds):
    of_kind("physical")
    | map(select(tagged("history") == $history and (tagged("from") < $log or tagged("from") == $log and (.summary.backup_end // .time | instant) <= $seconds)))
    | in_order | last // empty;

# Up to when both database and files are in them: since when each newest one was made. Nothing while one is missing.
def complete_up_to:
    [newest("database"), newest("files") | .time | instant] | if length == 2 then min | todate else empty end;

# The place of the next one: the clock's, or behind all there are.
def next_place($floor; $now): [$now, $floor + 1, (map(place) | max // 0) + 1] | max;

# The newest sixty backups, as the web console reads them: each with what it is of, when it was begun, how many bytes it has, and how
# many of them none before it had.
def told:
    map(select(kind != null)) | in_order | reverse | .[:60]
    | map({id: .id[:8], kind: kind, at: (.time | instant | todate), bytes: .summary.total_bytes_processed, added: .summary.data_added_packed});

# What a copy has of these, by the ids that they have here.
def copied: map(select(kind != null)) | in_order | reverse | .[:60] | map((.original // .id)[:8]);

# "34 backups, 12 of the database, 12 of MariaDB's files and 10 of the site's files".
def counted:
    map(kind) as $kinds | def of($kind): $kinds | map(select(. == $kind)) | length;
    "\(of("database") + of("physical") + of("files")) backups, \(of("database")) of the database, \(of("physical")) of MariaDB's files and \(of("files")) of the site's files";

# An hour's difference is none: clocks are set.
def tolerance: 3600;

# Marks each, in order, by whether its time can be right: of the times, and of what the clock says now, the largest
# number of which none is later than one that was added after it. All the others are wrong, whichever way.
def judged($now):
    in_order as $all | (($all | map(.time | instant)) + [$now]) as $times
    | reduce range($times | length) as $i ([]; . as $chains
        | . + [reduce range($i) as $j ({length: 1, before: -1};
            if $chains[$j].length >= .length - (if .before < 0 then 0 else 1 end) and $times[$j] <= $times[$i] + tolerance
            then {length: ($chains[$j].length + 1), before: $j} else . end)])
    | . as $chains
    | reduce range($chains | length) as $i (0; if $chains[$i].length >= $chains[.].length then $i else . end)
    | [recurse($chains[.].before; . >= 0)] as $right
    | {
        clock_is_right: ($right | index($times | length - 1) != null),
        snapshots: [$all | to_entries[] | .key as $i | .value + {dated: ($right | index($i) != null)}],
    };

# The ids of those whose time is wrong, with what there is to say.
def misdated($now):
    judged($now).snapshots[] | select(.dated | not) | "\(.short_id) of the \(kind // "?") bears \(.time[:19])";

def day: .time[:10];
def week: (.time[:10] + "T00:00:00Z" | fromdate) / 86400 + 3 | . / 7 | floor;
def month: .time[:7];

# The first of each of so many days (weeks, months), of a list with the newest first.
def last_of(period; $count): reduce .[] as $one ([]; if length < $count and (length == 0 or ($one | period) != (last | period)) then . + [$one] else . end);

# The log that the changes of this history begin with, for a second of so many days to be within reach; nothing where none are needed.
def changes_from($history; $days):
    of_kind("physical") | in_order | reverse | (last_of(day; $days) | map(day)) as $kept
    | map(select(day as $day | $kept | index($day)) | select(tagged("history") == $history) | tagged("from")) | min // empty;

# What of one kind goes: all that is not of the last two days, nor the last of so many days, weeks and months. As long as
# the clock is wrong, nothing does. What is dated wrongly takes the place of none, and goes when there are as many newer
# days as are kept.
def outdated($tag; $days; $weeks; $months; $now):
    judged($now)
    | if .clock_is_right then
        .snapshots | of_kind($tag) | reverse | to_entries | map(.value + {age: .key})
        | group_by([.hostname, .paths])[] | sort_by(.age)
        | map(select(.dated)) as $dated | ($dated | last_of(day; $days)) as $daily
        | (($dated[0] // empty | .time | instant) - 172800) as $recent
        | ($daily + ($dated | last_of(week; $weeks)) + ($dated | last_of(month; $months))
            + ($dated | map(select(.time | instant >= $recent))) | map({key: .id, value: true}) | from_entries) as $kept
        | .[] | . as $one
        | select(if .dated then $kept[.id] | not else ($daily | map(select(.age < $one.age)) | length) >= $days end)
        | .id
      else empty end;
