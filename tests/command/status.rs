//! `lamplighter status`: is all well, what ran, what comes next.

use insta::assert_snapshot;

use crate::common::Service;
use crate::stage::Stage;

/// Instants that are days away, whenever the test runs.
const SCHEDULE: &str = "5 4 1 1,7 * forum mysql nightly-backup\n15 4 2 2,8 * php task\n";

fn stack() -> Stage {
    Stage::new()
        .with("mysql", "CB_nightly_backup() { echo dumped; }\nCB_rotate_logs() { :; }")
        .with("php", "CB_task() { echo no route to host >&2; return 3; }")
        .with_service(
            "backup",
            Service::new().personality("SERVICE=backup").callbacks("CB_site_backup() { :; }"),
        )
        .with_schedule(SCHEDULE)
}

#[test]
fn a_stack_that_is_well_is_a_line_and_a_row_for_each_service() {
    let stack = stack();
    stack.service("mysql").run("nightly-backup");
    let said = stack.call(&["status"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_snapshot!(said.out, @"
    all is well: 4 services

    SERVICE  STATE  SINCE  PID  LISTENER  QUEUE  NEXT  LAST RUNS
    backup  callbacks-only  <age>  ready  idle  site-backup never
    mysql  running  <age>  <pid>  ready  idle  nightly-backup in <age>  nightly-backup ok <age> ago, rotate-logs never
    php  running  <age>  <pid>  ready  idle  task in <age>  task never
    scheduler  scheduling  mysql nightly-backup in <age>  2 entries
    ");
}

#[test]
fn what_is_wrong_comes_first() {
    let stack = stack();
    stack.service("php").run("task");
    stack.service("mysql").write("bin/docker-callbacks.sh", "CB_nightly_backup() {");
    stack.service("mysql").ask("root nightly-backup");
    stack.service("mysql").log().wait_for("degraded");
    stack.service("mysql").log().wait_for("succeeded after");
    std::fs::create_dir(stack.path("service/redis")).unwrap();
    let said = stack.call(&["status"]);
    assert_eq!(said.code, 0, "what is wrong has been shown");
    assert_snapshot!(said.out, @"
    3 problems:
      redis: not running: `docker compose up -d redis` starts it
      php: task failed 3, <age> ago: `lamplighter show <id>` has its output
      mysql: callbacks: the listener exited with status 2 before it had read the callbacks: <folder>/bin/docker-callbacks.sh: line 2: syntax error: unexpected end of file; the last good callbacks go on

    SERVICE  STATE  SINCE  PID  HEALTH  LISTENER  QUEUE  NEXT  LAST RUNS
    backup  callbacks-only  <age>  ready  idle  site-backup never
    mysql  running  <age>  <pid>  degraded  ready (last good)  idle  nightly-backup in <age>  nightly-backup ok <age> ago, rotate-logs never
    php  running  <age>  <pid>  ready  idle  task in <age>  task failed <age> ago
    redis  not running
    scheduler  scheduling  mysql nightly-backup in <age>  2 entries
    ");
    assert_eq!(stack.call(&["status", "--exit-code"]).code, 1);
}

#[test]
fn services_are_found_beside_each_other_and_in_folders_of_their_own_each_once() {
    let stack = Stage::new()
        .with("mysql", "CB_nightly_backup() { echo dumped; }")
        .with_folder_for("php")
        .with_folder_for("redis")
        .with_folder_for("removed")
        .with_folder_for("scheduler")
        .with("php", "CB_task() { echo no route to host >&2; return 3; }")
        .with_schedule(SCHEDULE);
    std::fs::create_dir(stack.path("service/redis")).unwrap();
    assert_eq!(stack.call(&["run", "php", "task"]).code, 1);
    assert_eq!(stack.call(&["next", "-n", "1"]).code, 0);
    assert_eq!(stack.call(&["reload"]).code, 0);
    let said = stack.call(&["status"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_snapshot!(said.out, @"
    2 problems:
      redis: not running: `docker compose up -d redis` starts it
      php: task failed 3, <age> ago: `lamplighter show <id>` has its output

    SERVICE  STATE  SINCE  PID  LISTENER  QUEUE  NEXT  LAST RUNS
    mysql  running  <age>  <pid>  ready  idle  nightly-backup in <age>  nightly-backup never
    php  running  <age>  <pid>  ready  idle  task in <age>  task failed <age> ago
    redis  not running
    scheduler  scheduling  mysql nightly-backup in <age>  2 entries
    ");
    let mut inside = stack.command(&["status"]);
    inside.env("LAMPLIGHTER_RUN", stack.run_folder()).current_dir("/");
    let said = stack.said(&mut inside);
    assert_snapshot!(said.out, @"
    3 problems:
      redis: not running: `docker compose up -d redis` starts it
      removed: not running: `docker compose up -d removed` starts it
      php: task failed 3, <age> ago: `lamplighter show <id>` has its output

    SERVICE  STATE  SINCE  PID  LISTENER  QUEUE  NEXT  LAST RUNS
    mysql  running  <age>  <pid>  ready  idle  nightly-backup in <age>  nightly-backup never
    php  running  <age>  <pid>  ready  idle  task in <age>  task failed <age> ago
    redis  not running
    removed  not running
    scheduler  scheduling  mysql nightly-backup in <age>  2 entries
    ");
    std::fs::remove_file(stack.path("data/run/php-request.sock")).unwrap();
    assert_eq!(stack.call(&["status", "php"]).code, 0, "the link is for others");
}

#[test]
fn one_service_is_shown_with_a_block_for_each_action() {
    let stack = stack();
    stack.service("mysql").run("nightly-backup");
    let said = stack.call(&["status", "mysql", "--exit-code"]);
    assert_eq!(said.code, 0);
    assert_snapshot!(said.out, @"
    all is well: mysql

    state  running since <time> (<age>), pid <number>
    started  <time> (<age>)
    listener  ready
    version  0.1.0
    queue  idle

    nightly-backup
      last  succeeded, <age> ago (<time>), took <took>, for root: <id>
      next  in <age> (Fri <time> +00:00) for forum

    rotate-logs
      last  never
    ");
}

#[test]
fn the_scheduler_is_shown_with_what_comes_next_for_each_entry() {
    let stack = stack();
    assert_snapshot!(stack.call(&["status", "scheduler", "--utc"]).out, @"
    all is well: scheduler

    state  scheduling
    entries  2
    time zones  tzdata <release>
    version  0.1.0

    next of each entry
                    mysql nightly-backup for forum, in <age> (Fri <time> +00:00)
                    php task for root, in <age> (Tue <time> +00:00)
    ");
}

#[test]
fn what_the_scheduler_complains_of_is_a_problem() {
    let stack = Stage::new().with_schedule("5 24 * * * mysql nightly-backup\n");
    assert_snapshot!(stack.call(&["status"]).out, @"
    1 problem:
      scheduler: schedule.cron:1:3: the hour `24` is too large

    SERVICE  STATE  HEALTH  LAST RUNS
    scheduler  scheduling  degraded  0 entries
    ");
}

#[test]
fn what_runs_and_what_waits_is_shown() {
    let callbacks = "CB_slow() { echo begun; read -r <$FOLDER/hold; }";
    let stack = Stage::new().with_service("mysql", Service::new().callbacks(callbacks).fifo("hold"));
    let mysql = stack.service("mysql");
    mysql.request("slow");
    mysql.log().wait_for("| begun");
    mysql.request("slow");
    assert_snapshot!(stack.call(&["status"]).out, @"
    all is well: 1 service

    SERVICE  STATE  SINCE  PID  LISTENER  QUEUE  LAST RUNS
    mysql  running  <age>  <pid>  ready  1 running, 1 waiting  slow running <age>
    ");
    let status = stack.json(&["status", "mysql"]);
    let service = &status["services"][0];
    assert_eq!(
        (&service["running"][0]["action"], &service["waiting"][0]["action"]),
        (&"slow".into(), &"slow".into())
    );
    assert!(service["running"][0]["running_ms"].is_u64());
    mysql.release("hold");
}

#[test]
fn health_is_told_as_it_was_last_found_and_asked_for_when_wanted() {
    let callbacks = "CB_ok() { :; }\nCB_health_check() { echo asked >>$FOLDER/checks; echo no answer on port 80; return 1; }";
    let stack = Stage::new().with("apache2", callbacks);
    stack.call(&["status"]);
    let checks = stack.service("apache2").path("checks");
    assert!(!checks.exists(), "a look at the stack checks nothing");
    assert_snapshot!(stack.call(&["status", "--check"]).out, @"
    1 problem:
      apache2: the health check exited with status 1: no answer on port 80; <time> ERROR CB_health_check ended with status 1, <age> ago

    SERVICE  STATE  SINCE  PID  HEALTH  LISTENER  QUEUE  LAST RUNS
    apache2  running  <age>  <pid>  unhealthy <age>  ready  idle  ok never
    ");
    assert_eq!(std::fs::read_to_string(&checks).unwrap(), "asked\n");
    assert!(stack.call(&["status"]).out.contains("ended with status 1, <age> ago"));
    assert_eq!(std::fs::read_to_string(checks).unwrap(), "asked\n");
}

#[test]
fn a_state_is_told_with_since_when_it_holds() {
    let daemon =
        "trap 'echo in order; read -r <$FOLDER/hold; exit 0' TERM; echo waits; sleep infinity & wait";
    let stack = Stage::new().with_service("mysql", Service::new().daemon(daemon).fifo("hold"));
    let mysql = stack.service("mysql");
    mysql.log().wait_for("waits");
    mysql.term();
    mysql.log().wait_for("in order");
    let status = stack.json(&["status"]);
    assert_eq!(
        (&status["problems"][0]["kind"], &status["services"][0]["state"]),
        (&"down".into(), &"stopping".into())
    );
    let instant =
        |field: &str| -> jiff::Timestamp { status["services"][0][field].as_str().unwrap().parse().unwrap() };
    assert!(instant("since") > instant("started_at"));
    mysql.release("hold");
    assert_eq!(mysql.exit(), 0);
}

#[test]
fn an_overdue_action_is_a_problem() {
    let policy = "[action.task]\nexpect-within = '1s'";
    let service = Service::new().callbacks("CB_task() { :; }").file("conf/housekeeping.toml", policy);
    let stack = Stage::new().with_service("php", service);
    stack.service("php").log().wait_for("is overdue");
    let status = stack.json(&["status"]);
    assert_eq!(status["problems"][0]["kind"], "overdue");
    assert_eq!(status["services"][0]["actions"][0]["overdue"], true);
}

#[test]
fn programs_are_told_the_same_in_json() {
    let stack = stack();
    stack.service("php").run("task");
    let json = stack.call(&["status", "php", "--json"]).out;
    let pretty: serde_json::Value = serde_json::from_str(&json.replace("<number>", "0")).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&pretty).unwrap(), @r#"
    {
      "ok": false,
      "problems": [
        {
          "at": "<time>",
          "kind": "failed",
          "message": "task failed 3",
          "service": "php"
        }
      ],
      "services": [
        {
          "actions": [
            {
              "action": "task",
              "last": {
                "code": 3,
                "ended_at": "<time>",
                "id": "<id>",
                "outcome": "failed",
                "took_ms": 0,
                "user": "root"
              },
              "last_success": null,
              "next": {
                "action": "task",
                "due": "<time>",
                "service": "php",
                "user": "root"
              },
              "overdue": false
            }
          ],
          "degraded": [],
          "facts": {},
          "health": null,
          "listener": {
            "last_good": false,
            "state": "ready",
            "unforkable": null
          },
          "next": {
            "action": "task",
            "due": "<time>",
            "service": "php",
            "user": "root"
          },
          "pid": 0,
          "protocol": 1,
          "reachable": true,
          "running": [],
          "service": "php",
          "since": "<time>",
          "started_at": "<time>",
          "state": "running",
          "version": "0.1.0",
          "waiting": []
        }
      ]
    }
    "#);
    let all = stack.json(&["status"]);
    let scheduler = &all["services"][3];
    assert_eq!((&scheduler["entries"], &scheduler["coming"][0]["service"]), (&2.into(), &"mysql".into()));
}

#[test]
fn a_terminal_gets_as_much_as_fits_it() {
    let stack = stack();
    stack.service("mysql").run("nightly-backup");
    stack.service("php").run("task");
    assert_snapshot!(stack.shown(200, &["status"]), @"
    1 problem:
      php: task failed 3, <age> ago: `lamplighter show <id>` has its output

    SERVICE  STATE  SINCE  PID  LISTENER  QUEUE  NEXT  LAST RUNS
    backup  callbacks-only  <age>  ready  idle  site-backup never
    mysql  running  <age>  <pid>  ready  idle  nightly-backup in <age>  nightly-backup ok <age> ago, rotate-logs never
    php  running  <age>  <pid>  ready  idle  task in <age>  task failed <age> ago
    scheduler  scheduling  mysql nightly-backup in <age>  2 entries
    ");
    assert_snapshot!(stack.shown(80, &["status"]), @"
    1 problem:
      php: task failed 3, <age> ago: `lamplighter show <id>` has its output

    SERVICE  STATE  SINCE  QUEUE  LAST RUNS
    backup  callbacks-only  <age>  idle  site-backup never
    mysql  running  <age>  idle  nightly-backup ok <age> ago,
                                                 rotate-logs never
    php  running  <age>  idle  task failed <age> ago
    scheduler  scheduling  2 entries
    ");
    assert_snapshot!(stack.shown(40, &["status"]), @"
    1 problem:
      php: task failed 3, <age> ago:
        `lamplighter show <id>` has its
        output

    SERVICE  STATE  QUEUE
    backup  callbacks-only  idle
    mysql  running  idle
    php  running  idle
    scheduler  scheduling
    ");
}

#[test]
fn colours_are_for_terminals_only_and_for_who_wants_them() {
    let stack = stack();
    let has_colours = |text: &str| text.contains("\x1b[3");
    let on_terminal = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = stack.command(arguments);
        command.envs(variable);
        let mut terminal = crate::terminal::Terminal::start(&command, 80, 24);
        terminal.exit();
        has_colours(&String::from_utf8_lossy(&terminal.bytes()))
    };
    assert!(on_terminal(&["status"], None));
    assert!(!on_terminal(&["status"], Some(("NO_COLOR", "1"))));
    assert!(!on_terminal(&["status", "--color", "never"], None));
    assert!(!has_colours(&stack.call(&["status"]).out));
    assert!(has_colours(&stack.call(&["status", "--color", "always"]).out));
}

#[test]
fn the_stack_is_found_from_a_folder_below_it_and_where_its_settings_say() {
    let stack = Stage::new().with("mysql", "CB_ok() { :; }");
    let mut below = stack.command(&["status"]);
    assert_eq!(stack.said(below.current_dir(stack.path("service/mysql"))).code, 0);
    std::fs::rename(stack.path("data"), stack.path("elsewhere")).unwrap();
    assert_eq!(stack.call(&["status"]).code, 4);
    std::fs::write(stack.path(".env"), "LAMPLIGHTER_DATA=\"./elsewhere\" # here\n").unwrap();
    let found = stack.call(&["status"]);
    assert!(found.out.starts_with("all is well: 1 service\n"), "{found:?}");
}

#[test]
fn times_are_told_in_the_local_zone_or_in_utc() {
    let stack = stack();
    let told = |arguments: &[&str]| {
        let mut command = stack.command(arguments);
        let output = command.env("TZ", "Asia/Kolkata").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(told(&["status", "scheduler"]).contains(":00 +05:30)"));
    assert!(told(&["status", "scheduler", "--utc"]).contains("04:05:00 +00:00)"));
}
