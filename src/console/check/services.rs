//! The folders of the services: their scripts and policies, and what the stack's owner adds to them.

use std::fs;
use std::path::Path;

use super::report::Report;
use super::scripts;
use crate::console::service_folders::{self, name};
use crate::policy;
use crate::spelling;

/// What is read of the owner's folder for a service with callbacks.
const ADDED: [&str; 2] = [scripts::CALLBACKS, policy::FILE];
/// The service that makes the folders of the others, and what is read of the owner's folder for it.
const PREPARE: &str = "prepare";
const ADDED_TO_PREPARE: [&str; 2] = ["folders", "secrets"];

/// Checks what stands in the folders of a stack's services.
pub(super) fn check(stack: &Path, report: &mut Report) {
    for folder in service_folders::all(stack) {
        let (bin, added) = (folder.join("bin"), service_folders::added_to(stack, &name(&folder)));
        let mut policies = vec![folder.join("conf").join(policy::FILE)];
        scripts::check(&bin, report);
        if service_folders::is_shipped(stack, &folder) {
            scripts::check(&added, report);
            policies.push(added.join(policy::FILE));
        }
        let actions = scripts::actions(&[&bin, &added]);
        for path in policies {
            let rules = report.add_policy(&path);
            let strays = rules.filter(|_| scripts::are_there(&bin)).map(|rules| rules.strays(&actions));
            for stray in strays.into_iter().flatten() {
                report.warn(&path, &stray);
            }
        }
    }
    for folder in service_folders::added(stack) {
        check_added(stack, &folder, report);
    }
}

/// Whether anybody reads what the owner has put into a folder.
fn check_added(stack: &Path, folder: &Path, report: &mut Report) {
    let (service, files) = (name(folder), files(folder));
    let shipped = stack.join("service").join(&service);
    if !service_folders::is_shipped(stack, folder) {
        if !files.is_empty() && !service_folders::is_whole(folder) {
            let known: Vec<String> =
                service_folders::shipped(stack).iter().map(|folder| name(folder)).collect();
            let meant = spelling::nearest(&service, known.iter().map(String::as_str));
            let meant =
                meant.map(|meant| format!("; did you mean `local/service/{meant}`?")).unwrap_or_default();
            report.warn(
                folder,
                &format!("nobody reads what is in here: there is no service `{service}`{meant}"),
            );
        }
        return;
    }
    if service_folders::is_whole(folder) {
        let why = format!(
            "nobody reads it: service/{service} is the stack's; give a service of your own another name"
        );
        report.warn(&folder.join("bin"), &why);
    }
    let read = match () {
        () if service == PREPARE => ADDED_TO_PREPARE,
        () if scripts::are_there(&shipped.join("bin")) => ADDED,
        () => {
            for file in files.iter().filter(|file| ADDED.contains(&file.as_str())) {
                report.warn(&folder.join(file), &format!("nobody reads it: `{service}` has no callbacks"));
            }
            return;
        }
    };
    for file in files.iter().filter(|file| !read.contains(&file.as_str())) {
        if let Some(meant) = spelling::nearest(file, read) {
            report.warn(&folder.join(file), &format!("nobody reads it; did you mean `{meant}`?"));
        }
    }
}

/// The names of a folder's files, by name; those of hidden ones are left out.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| !entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}
