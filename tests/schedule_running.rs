//! The scheduler as it runs: real files and sockets, in a clock of our own, or the system's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use lamplighter::scheduler::clock::{Clock, SystemClock};
use lamplighter::scheduler::{Order, run_with};
use lamplighter::settings::{Folders, Settings};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

/// 2026-05-01 04:04:59 UTC.
const START: i64 = 1_777_608_299;

/// A clock that goes when it is told to.
struct TestClock(watch::Receiver<i64>);

impl Clock for TestClock {
    fn now(&self) -> i64 {
        *self.0.borrow()
    }

    async fn wait(&mut self, until: Option<i64>) -> io::Result<()> {
        while until.is_none_or(|until| *self.0.borrow_and_update() < until) {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        Ok(())
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

    /// A service that takes every request and tells the test.
    fn service(&self, name: &str) {
        let listener = UnixListener::bind(socket(self.top.path(), name)).unwrap();
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
                    let asked = |field: &str| call[field].as_str().unwrap().to_owned();
                    let _ = lines.send(format!("{name}: {} {}", asked("user"), asked("action")));
                    let answer = serde_json::json!({"ok": true, "id": asked("id")});
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

/// Runs a test beside a scheduler, and stops that at the end.
fn beside_a_scheduler<C: Clock + 'static>(
    clock: impl FnOnce(&Stack) -> C,
    test: impl AsyncFnOnce(&mut Stack),
    prepare: impl FnOnce(&Stack),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let (mut stack, orders) = Stack::new();
        prepare(&stack);
        let (settings, clock) = (stack.settings(), clock(&stack));
        let scheduler =
            tokio::task::spawn_local(async move { run_with(&settings, clock, "this boot", orders).await });
        test(&mut stack).await;
        let _ = stack.orders.send(Order::Stop);
        let stopped = tokio::time::timeout(Duration::from_secs(30), scheduler).await;
        stopped.expect("it stops").unwrap().unwrap();
    });
}

fn test_clock(stack: &Stack) -> TestClock {
    TestClock(stack.time.subscribe())
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
    let call = serde_json::json!({"op": op});
    let path = socket(stack.top.path(), "scheduler");
    // It is there a moment after the start.
    for _ in 0..600 {
        if path.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    lamplighter::console::client::call(&path, &call, Duration::from_secs(30)).await.unwrap()
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
    let script = "#!/bin/bash\ncat > ../told\nsleep 1000\n";
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
            let bin = stack.folders().bin;
            fs::create_dir(&bin).unwrap();
            let notifier = bin.join("notify");
            fs::write(&notifier, script.replace("..", &stack.top.path().display().to_string())).unwrap();
            fs::set_permissions(&notifier, fs::Permissions::from_mode(0o755)).unwrap();
            stack.schedule("DEADLINE=1\n5 4 * * * away backup\n* * * * * php task-check");
            stack.service("php");
        },
    );
}
