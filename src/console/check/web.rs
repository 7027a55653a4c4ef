//! The web console, where there is one: that it is reached from elsewhere over TLS alone, and that it has the certificate for
//! that. The program that reads it for the console, which knows of certificates, is asked.

use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::report::Report;
use crate::console::dotenv::{Dotenv, FILE};
use crate::console::script;
use crate::console::zone::environment;

/// What the program ends with when a certificate can be used, and something is wrong with it.
const WRONG: i32 = 1;
const NAME: &str = "CONSOLE_NAME";
const ADDRESS: &str = "CONSOLE_ADDRESS";

/// Checks what a stack's settings say of its console.
pub(super) fn check(stack: &Path, dotenv: &Dotenv, report: &mut Report) {
    let set = |name| dotenv.setting(name, &environment).filter(|value| !value.is_empty());
    if set("CONSOLE_PORT").is_none() {
        return;
    }
    match (set(NAME), set(ADDRESS)) {
        (Some(name), _) => check_certificate(stack, &name, report),
        (None, Some(address)) if !is_local(&address) => {
            let message = format!("{ADDRESS} is {address}, and there is no {NAME}");
            let hint =
                "beyond this machine the web console speaks TLS alone: give it a name and a certificate";
            match dotenv.fault_of(ADDRESS, message.clone(), Some(hint.to_owned())) {
                Some(fault) => report.add(&stack.join(FILE).to_string_lossy(), vec![fault]),
                None => report.fail_all(&format!("{message}: {hint}")),
            }
        }
        (None, _) => {}
    }
}

fn is_local(address: &str) -> bool {
    address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn check_certificate(stack: &Path, name: &str, report: &mut Report) {
    let path = stack.join(FILE);
    let asked = script::console().and_then(|program| {
        let arguments = ["console", "certificate", "--name", name];
        Command::new(program).args(arguments).current_dir(stack).stdin(Stdio::null()).output()
    });
    let output = match asked {
        Ok(output) => output,
        Err(error) => {
            return report.warn(&path, &format!("the console's certificate has not been checked: {error}"));
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().filter_map(|line| Some(line.split_once(": ")?.1)).collect();
    let said = said.join("; ");
    match output.status.code() {
        Some(0) => {}
        Some(WRONG) => report.warn(&path, &said),
        // Who may not look has found nothing.
        _ if said.contains("Permission denied") && !nix::unistd::geteuid().is_root() => {
            report.warn(&path, &format!("{said}: use sudo"));
        }
        _ => report.fail(&path, &said),
    }
}
