//! The scheduler as it runs: real files and sockets, in a clock of our own, or the system's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use common::{is_root, skip};
use lamplighter::scheduler::clock::{Clock, SystemClock};
use lamplighter::scheduler::{Order, run_with};
use lamplighter::settings::{Folders, Settings};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

/// 2026-05-01 04:04:59 UTC.
const START: i64 = 1_777_608_299;

/// A clock that goes when it is told to, and wakes who waits when it is set back.
struct TestClock {
    time: watch::Receiver<i64>,
    /// What it showed when it was last looked at.
    seen: i64,
}

impl Clock for TestClock {
    fn now(&self) -> i64 {
        *self.time.borrow()
    }

    async fn wait(&mut self, until: Option<i64>) -> io::Result<()> {
        loop {
            let now = *self.time.borrow_and_update();
            let before = std::mem::replace(&mut self.seen, now);
            if now < before || until.is_some_and(|until| until <= now) {
                return Ok(());
            }
            if self.time.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// A scheduler in folders of its own.
struct Stack {
    top: TempDir,
    time: watch::Sender<i64>,
    orders: UnboundedSender<Order>,
    lines: UnboundedReceiver<String>,
    line_sender: UnboundedSender<String>,
}

impl Stack {
    fn new() -> (Self, UnboundedReceiver<Order>) {
        let top = tempfile::tempdir().unwrap();
        for folder in ["conf", "run"] {
            fs::create_dir(top.path().join(folder)).unwrap();
        }
        let (time, _) = watch::channel(START);
        let (orders, order_receiver) = unbounded_channel();
        let (line_sender, lines) = unbounded_channel();
        (Self { top, time, orders, lines, line_sender }, order_receiver)
    }

    /// Where the next scheduler of this stack hears its orders.
    fn new_orders(&mut self) -> UnboundedReceiver<Order> {
        let (orders, receiver) = unbounded_channel();
        self.orders = orders;
        receiver
    }

    /// A bash script that is told of alarms.
    fn notifier(&self, script: &str) {
        let bin = self.folders().bin;
        fs::create_dir(&bin).unwrap();
        let notifier = bin.join("notify");
        fs::write(&notifier, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(&notifier, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What is remembered on disk.
    fn memory(&self) -> String {
        fs::read_to_string(self.folders().state.join("scheduler.jsonl")).unwrap_or_default()
    }

    fn step(&self, seconds: i64) {
        self.time.send_modify(|time| *time += seconds);
    }

    fn folders(&self) -> Folders {
        let top = self.top.path().to_owned();
        Folders::from_env(move |name| {
            let name = name.strip_prefix("LAMPLIGHTER_")?.to_lowercase();
            Some(top.join(name).into())
        })
    }

    fn settings(&self) -> Settings {
        Settings { service: "scheduler".parse().unwrap(), folders: self.folders() }
    }

    fn schedule(&self, text: impl AsRef<[u8]>) {
        // Renamed into place, as editors do.
        let fresh = self.top.path().join("conf/.schedule.cron.swp");
        fs::write(&fresh, text).unwrap();
        fs::rename(&fresh, self.top.path().join("conf/schedule.cron")).unwrap();
    }

    /// A service that takes every request and tells the test who asks for what.
    fn service(&self, name: &str) {
        self.serve(name, |call| {
            let asked = |field: &str| call[field].as_str().unwrap();
            format!("{} {}", asked("user"), asked("action"))
        });
    }

    /// A service that takes every request and tells the test its id.
    fn registrar(&self, name: &str) {
        self.serve(name, |call| call["id"].as_str().unwrap().to_owned());
    }

    /// As [`Stack::service`], in a folder of its own.
    fn service_in_its_folder(&self, name: &str) {
        fs::create_dir_all(self.top.path().join("run/requests").join(name)).unwrap();
        self.service(name);
    }

    fn serve(&self, name: &str, show: fn(&serde_json::Value) -> String) {
        let socket = self.folders().request_socket(&name.parse().unwrap());
        let listener = UnixListener::bind(socket).unwrap();
        let (name, lines) = (name.to_owned(), self.line_sender.clone());
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (input, mut output) = stream.into_split();
                let mut input = BufReader::new(input).lines();
                while let Ok(Some(line)) = input.next_line().await {
                    let call: serde_json::Value = serde_json::from_str(&line).unwrap();
                    if call["op"] != "run" {
                        let _ = output.write_all(b"{\"ok\":false}\n").await;
                        continue;
                    }
                    let _ = lines.send(format!("{name}: {}", show(&call)));
                    let answer = serde_json::json!({"ok": true, "id": call["id"]});
                    if output.write_all(format!("{answer}\n").as_bytes()).await.is_err() {
                        break;
                    }
                }
            }
        });
    }

    /// The next line that arrives, while the clock goes on by a step for each of its looks.
    async fn next_line(&mut self, step: i64) -> String {
        let arrive = async {
            loop {
                tokio::select! {
                    biased;
                    line = self.lines.recv() => return line.unwrap(),
                    () = tokio::time::sleep(Duration::from_millis(5)) => {
                        self.time.send_modify(|time| *time += step);
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), arrive).await.expect("a request arrives")
    }
}

fn socket(top: &Path, service: &str) -> std::path::PathBuf {
    top.join(format!("run/{service}-request.sock"))
}

/// What becomes of a scheduler when its test is through.
#[derive(Clone, Copy)]
enum End {
    /// It is told to stop, and has to.
    Stopped,
    /// It ends with all that it was just doing, as if it were killed.
    Killed,
}

/// Runs a test beside a scheduler, and stops that at the end.
fn beside_a_scheduler<C: Clock + 'static>(
    clock: impl FnOnce(&Stack) -> C,
    test: impl AsyncFnOnce(&mut Stack),
    prepare: impl FnOnce(&Stack),
) {
    let (mut stack, orders) = Stack::new();
    beside_one_of(&mut stack, orders, End::Stopped, clock, test, prepare);
}

/// Does the same in a stack that may have had schedulers before.
fn beside_one_of<C: Clock + 'static>(
    stack: &mut Stack,
    orders: UnboundedReceiver<Order>,
    end: End,
    clock: impl FnOnce(&Stack) -> C,
    test: impl AsyncFnOnce(&mut Stack),
    prepare: impl FnOnce(&Stack),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        prepare(stack);
        let (settings, clock) = (stack.settings(), clock(stack));
        let scheduler =
            tokio::task::spawn_local(async move { run_with(&settings, clock, "this boot", orders).await });
        test(stack).await;
        if let End::Stopped = end {
            let _ = stack.orders.send(Order::Stop);
            let stopped = tokio::time::timeout(Duration::from_secs(30), scheduler).await;
            stopped.expect("it stops").unwrap().unwrap();
        }
    });
}

fn test_clock(stack: &Stack) -> TestClock {
    TestClock { time: stack.time.subscribe(), seen: i64::MIN }
}

#[test]
fn a_request_arrives_as_a_line_when_its_time_has_come() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            assert_eq!(stack.next_line(1).await, "mysql: forum nightly-backup");
        },
        |stack| {
            stack.schedule("5 4 * * * forum mysql nightly-backup\n");
            stack.service("mysql");
        },
    );
}

#[test]
fn by_the_systems_clock_a_reboot_entry_arrives_at_once() {
    beside_a_scheduler(
        |_| SystemClock::open().unwrap(),
        async |stack| assert_eq!(stack.next_line(0).await, "php: root warm-up"),
        |stack| {
            stack.schedule("@reboot php warm-up");
            stack.service("php");
        },
    );
}

#[test]
fn a_service_that_comes_later_gets_what_was_due_and_delays_no_other() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            assert_eq!(stack.next_line(1).await, "php: root task-check");
            stack.service("mysql");
            assert_eq!(stack.next_line(1).await, "mysql: root nightly-backup");
        },
        |stack| {
            // Bound, but with nobody to answer: it must not hold up anybody either.
            let silent = std::os::unix::net::UnixListener::bind(socket(stack.top.path(), "silent")).unwrap();
            std::mem::forget(silent);
            stack.schedule("5 4 * * * silent x\n5 4 * * * mysql nightly-backup\n5 4 * * * php task-check");
            stack.service("php");
        },
    );
}

#[test]
fn services_are_reached_in_folders_of_their_own_also_in_those_that_come_later() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            assert_eq!(stack.next_line(1).await, "php: root task-check");
            stack.service_in_its_folder("mysql");
            assert_eq!(stack.next_line(1).await, "mysql: root nightly-backup");
            let run = stack.folders().run;
            assert_eq!(
                fs::read_link(run.join("php-request.sock")).unwrap(),
                Path::new("requests/php/request.sock")
            );
        },
        |stack| {
            stack.schedule("5 4 * * * mysql nightly-backup\n5 4 * * * php task-check");
            stack.service_in_its_folder("php");
        },
    );
}

#[test]
fn a_scheduler_with_a_folder_of_its_own_answers_there() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            assert_eq!(ask(stack, "ping").await["service"], "scheduler");
            let run = stack.folders().run;
            for file in
                ["requests/scheduler/request.sock", "requests/scheduler/lock", "scheduler-request.sock"]
            {
                assert!(run.join(file).exists(), "{file}");
            }
            assert!(!run.join("scheduler.lock").exists());
        },
        |stack| fs::create_dir_all(stack.top.path().join("run/requests/scheduler")).unwrap(),
    );
}

#[test]
fn a_missing_schedule_is_awaited_and_a_changed_one_picked_up() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            stack.schedule("* * * * * php first");
            assert_eq!(stack.next_line(60).await, "php: root first");
            stack.schedule("* * * * * php second\n5 24 * * * php bad\n\u{0}\n");
            while stack.next_line(60).await != "php: root second" {}
            fs::write(stack.folders().conf.join("schedule.cron"), "* * * * * php third").unwrap();
            while stack.next_line(60).await != "php: root third" {}
        },
        |stack| stack.service("php"),
    );
}

#[test]
fn a_missing_folder_of_configuration_is_awaited() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            ask(stack, "ping").await;
            fs::create_dir(stack.folders().conf).unwrap();
            stack.schedule("* * * * * php first");
            assert_eq!(stack.next_line(60).await, "php: root first");
        },
        |stack| {
            fs::remove_dir(stack.folders().conf).unwrap();
            stack.service("php");
        },
    );
}

#[test]
fn an_order_to_reload_reads_the_schedule_where_no_watch_sees_it_change() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            // No event tells of a file that is still open for writing.
            let path = stack.folders().conf.join("schedule.cron");
            let mut file = fs::File::create(&path).unwrap();
            io::Write::write_all(&mut file, b"* * * * * php first").unwrap();
            stack.orders.send(Order::Reload).unwrap();
            assert_eq!(stack.next_line(60).await, "php: root first");
        },
        |stack| stack.service("php"),
    );
}

#[test]
fn a_memory_that_cannot_be_opened_is_named() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let (stack, orders) = Stack::new();
        fs::write(stack.top.path().join("state"), "a file, no folder").unwrap();
        let error = run_with(&stack.settings(), test_clock(&stack), "boot", orders).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot open the scheduler's memory in "), "{error}");
    });
}

async fn ask(stack: &Stack, op: &str) -> serde_json::Value {
    let call = serde_json::from_value(serde_json::json!({"op": op})).unwrap();
    let path = socket(stack.top.path(), "scheduler");
    // It is there a moment after the start.
    for _ in 0..600 {
        if path.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    lamplighter::socket::client::call(&path, &call, Duration::from_secs(30)).await.unwrap()
}

#[test]
fn it_is_healthy_with_a_bad_schedule_and_says_what_is_bad() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            let fault = "schedule.cron:1:3: the hour `24` is too large, and 1 more";
            assert_eq!(ask(stack, "health").await, serde_json::json!({"healthy": true, "degraded": [fault]}));
            assert_eq!(ask(stack, "ping").await["service"], "scheduler");

            fs::write(stack.folders().conf.join("schedule.cron"), "@hourly a b").unwrap();
            assert_eq!(ask(stack, "reload").await["ok"], true);
            assert_eq!(ask(stack, "health").await, serde_json::json!({"healthy": true}));
        },
        |stack| stack.schedule("5 24 * * * a b\n5 25 * * * a c"),
    );
}

#[test]
fn a_second_scheduler_is_refused_and_the_first_goes_on() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            ask(stack, "ping").await;
            let (_keep, orders) = unbounded_channel();
            let second = run_with(&stack.settings(), test_clock(stack), "boot", orders).await;
            let error = second.unwrap_err().to_string();
            assert!(error.starts_with("another scheduler of `scheduler` runs on "), "{error}");
            assert_eq!(ask(stack, "ping").await["ok"], true);
        },
        |_| {},
    );
}

#[test]
fn a_notifier_that_hangs_delays_no_schedule() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            assert_eq!(stack.next_line(1).await, "php: root task-check");
            let told = stack.top.path().join("told");
            let is_told = || fs::read_to_string(&told).unwrap_or_default().contains(r#""kind":"missed""#);
            let began = std::time::Instant::now();
            while !is_told() {
                assert!(began.elapsed() < Duration::from_secs(30), "nobody is told");
                assert_eq!(stack.next_line(10).await, "php: root task-check");
            }
            for _ in 0..10 {
                assert_eq!(stack.next_line(10).await, "php: root task-check");
            }
        },
        |stack| {
            let told = stack.top.path().join("told");
            stack.notifier(&format!("cat > {}\nsleep 1000", told.display()));
            stack.schedule("DEADLINE=1\n5 4 * * * away backup\n* * * * * php task-check");
            stack.service("php");
        },
    );
}

/// The instant that an occurrence's id names.
fn instant_of(id: &str) -> i64 {
    id.rsplit_once('@').unwrap().1.split('+').next().unwrap().parse().unwrap()
}

#[test]
fn when_the_clock_is_set_back_by_half_an_hour_patterns_follow_it_at_once_under_new_ids() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            let mut ids = Vec::new();
            for _ in 0..3 {
                ids.push(stack.next_line(20).await);
            }
            stack.step(-30 * 60);
            let set_to = *stack.time.borrow();
            for _ in 0..5 {
                ids.push(stack.next_line(20).await);
            }
            let instants: Vec<i64> = ids.iter().map(|id| instant_of(id)).collect();
            assert!(instants.iter().all(|at| at % 600 == 0), "{instants:?}");
            let first = (set_to / 600 + 1) * 600;
            assert_eq!(instants[3..], [0, 1, 2, 3, 4].map(|place| first + place * 600), "{instants:?}");
            let different: std::collections::HashSet<_> = ids.iter().collect();
            assert_eq!(different.len(), ids.len(), "{ids:?}");
        },
        |stack| {
            stack.schedule("*/10 * * * * php often");
            stack.registrar("php");
        },
    );
}

#[test]
fn when_a_clock_that_was_a_year_ahead_is_set_right_what_is_due_by_then_arrives() {
    beside_a_scheduler(
        test_clock,
        async |stack| {
            ask(stack, "ping").await;
            stack.step(365 * 86_400);
            stack.next_line(0).await;
            stack.step(-365 * 86_400);
            let line = stack.next_line(60).await;
            // 05:00, and an id of its own, since a wrong clock may have had that hour before.
            assert!(line.ends_with(&format!("@{}+1", START + 3_301)), "{line}");
        },
        |stack| {
            stack.schedule("0 * * * * php hourly");
            stack.registrar("php");
        },
    );
}

#[test]
fn what_was_under_way_when_the_scheduler_was_killed_arrives_once_and_under_the_same_id() {
    let (mut stack, orders) = Stack::new();
    let mut asked = String::new();
    let read_but_never_answered = async |stack: &mut Stack| {
        let silent = UnixListener::bind(socket(stack.top.path(), "mysql")).unwrap();
        ask(stack, "ping").await;
        stack.step(1);
        let (stream, _) = silent.accept().await.unwrap();
        let line = BufReader::new(stream).lines().next_line().await.unwrap().unwrap();
        let call: serde_json::Value = serde_json::from_str(&line).unwrap();
        asked = call["id"].as_str().unwrap().to_owned();
    };
    let nightly = |stack: &Stack| stack.schedule("5 4 * * * forum mysql nightly-backup");
    beside_one_of(&mut stack, orders, End::Killed, test_clock, read_but_never_answered, nightly);
    let memory = stack.memory();
    assert!(memory.contains(r#"{"due":"#) && !memory.contains(r#"{"done":"#), "{memory}");

    fs::remove_file(socket(stack.top.path(), "mysql")).unwrap();
    let orders = stack.new_orders();
    let arrives_once = async |stack: &mut Stack| {
        assert_eq!(stack.next_line(1).await, format!("mysql: {asked}"));
        let next = stack.next_line(600).await;
        assert_eq!(instant_of(&next), instant_of(&asked) + 86_400, "and then that of the next day");
    };
    let service = |stack: &Stack| stack.registrar("mysql");
    beside_one_of(&mut stack, orders, End::Stopped, test_clock, arrives_once, service);
}

/// Runs a test where the state is on a small disk of its own.
fn on_a_small_disk(test: impl FnOnce(&mut Stack, UnboundedReceiver<Order>) + Send) {
    if !is_root() {
        return skip("only root can mount a small disk");
    }
    let (mut stack, orders) = Stack::new();
    let state = stack.folders().state;
    fs::create_dir(&state).unwrap();
    // The mounts are this thread's alone.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let none = None::<&str>;
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
            mount(Some("tmpfs"), &state, Some("tmpfs"), MsFlags::empty(), Some("size=64k")).unwrap();
            test(&mut stack, orders);
        });
    });
}

fn remount(stack: &Stack, flags: MsFlags) {
    let none = None::<&str>;
    mount(none, &stack.folders().state, none, MsFlags::MS_REMOUNT | flags, none).unwrap();
}

/// Starts a scheduler on a disk that cannot be written, which has to do its work, and to write once it can.
fn works_on_a_disk(spoil: fn(&Stack), mend: fn(&Stack)) {
    on_a_small_disk(|stack, orders| {
        let schedule = |stack: &Stack| stack.schedule("5 4 * * * mysql backup\n* * * * * php task-check");
        let runs = async |stack: &mut Stack| drop(ask(stack, "ping").await);
        beside_one_of(stack, orders, End::Stopped, test_clock, runs, schedule);
        let before = stack.memory();
        assert!(before.contains("task-check"), "{before}");

        let orders = stack.new_orders();
        let works = async |stack: &mut Stack| {
            let health = ask(stack, "health").await;
            let problem = health["degraded"][0].as_str().unwrap_or_default();
            assert!(problem.starts_with("cannot write the scheduler's memory in "), "{health}");
            assert_eq!((&health["healthy"], stack.memory()), (&true.into(), before));
            assert_eq!(stack.next_line(1).await, "php: root task-check");
            assert_eq!(stack.next_line(1).await, "php: root task-check");
            mend(stack);
            let is_mended = async {
                while ask(stack, "health").await.get("degraded").is_some() {
                    stack.step(1);
                }
            };
            tokio::time::timeout(Duration::from_secs(30), is_mended).await.expect("it is written again");
        };
        let spoiled = |stack: &Stack| {
            stack.service("php");
            stack.service("mysql");
            stack.schedule("* * * * * php task-check");
            spoil(stack);
        };
        beside_one_of(stack, orders, End::Stopped, test_clock, works, spoiled);
        let memory = stack.memory();
        assert!(memory.contains("task-check") && !memory.contains("backup"), "{memory}");
    });
}

#[test]
fn on_a_full_disk_it_starts_and_works_and_writes_once_there_is_room() {
    works_on_a_disk(
        |stack| {
            let mut file = fs::File::create(stack.folders().state.join("filler")).unwrap();
            while io::Write::write_all(&mut file, &[0; 512]).is_ok() {}
        },
        |stack| fs::remove_file(stack.folders().state.join("filler")).unwrap(),
    );
}

#[test]
fn on_a_disk_that_is_read_only_it_starts_and_works_and_writes_once_it_is_not() {
    works_on_a_disk(|stack| remount(stack, MsFlags::MS_RDONLY), |stack| remount(stack, MsFlags::empty()));
}

#[test]
fn a_memory_that_cannot_be_written_is_tried_again_though_nothing_else_is_to_be_done() {
    on_a_small_disk(|stack, orders| {
        let waits = async |stack: &mut Stack| {
            assert!(ask(stack, "health").await["degraded"].is_array());
            remount(stack, MsFlags::empty());
            stack.step(60);
            let is_written = async { while ask(stack, "health").await.get("degraded").is_some() {} };
            tokio::time::timeout(Duration::from_secs(30), is_written).await.expect("it is written");
            assert!(stack.folders().state.join("alarms.json").exists(), "and that of the alarms");
        };
        let read_only = |stack: &Stack| {
            stack.schedule("");
            stack.notifier("cat");
            remount(stack, MsFlags::MS_RDONLY);
        };
        beside_one_of(stack, orders, End::Stopped, test_clock, waits, read_only);
    });
}
