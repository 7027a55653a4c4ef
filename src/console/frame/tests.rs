use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};

use super::*;
use crate::console::keyboard::Keyboard;

/// Says to this test that it is the one on the terminal.
const ON_TERMINAL: &str = "LAMPLIGHTER_TEST_ON_TERMINAL";

#[test]
fn who_panics_gives_the_terminal_back_before_he_says_why() {
    if std::env::var_os(ON_TERMINAL).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let _keyboard = Keyboard::open().unwrap().unwrap();
        let mut frame = Frame::enter();
        frame.draw(&["a look".to_owned()]);
        panic!("something unforeseen");
    }
    let pty = openpty(None, None).unwrap();
    let name = "console::frame::tests::who_panics_gives_the_terminal_back_before_he_says_why";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env(ON_TERMINAL, "1");
    let end = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    drop(command);
    assert!(!child.wait().unwrap().success());
    let modes = tcgetattr(&pty.slave).unwrap().local_flags;
    assert!(modes.contains(LocalFlags::ICANON | LocalFlags::ECHO), "keys are lines again: {modes:?}");
    drop(pty.slave);
    let mut seen = Vec::new();
    // The end of a terminal is an error.
    let _ = File::from(pty.master).read_to_end(&mut seen);
    let seen = String::from_utf8_lossy(&seen);
    let (look, after) = seen.split_once(LEAVE).unwrap_or_else(|| panic!("it is not left: {seen:?}"));
    assert!(look.contains("a look") && !look.contains("unforeseen"), "{look:?}");
    assert!(after.contains("something unforeseen"), "{after:?}");
}
