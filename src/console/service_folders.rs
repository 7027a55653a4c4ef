//! The folders of a stack's services: those that come with it (`service`), those of whole services that its owner has
//! made (`local/service/NAME` with a `bin`), and what the owner adds to the former (`local/service/NAME`).

use std::fs;
use std::path::{Path, PathBuf};

/// Below the stack's folder, what comes with it.
const SHIPPED: &str = "service";
/// Below the stack's folder, what its owner adds.
const LOCAL: &str = "local/service";

/// The folders of the services that come with a stack, by name.
pub(super) fn shipped(stack: &Path) -> Vec<PathBuf> {
    folders(&stack.join(SHIPPED))
}

/// The folders of a stack's services: those that come with it, and its owner's.
pub(super) fn all(stack: &Path) -> Vec<PathBuf> {
    let mut all = shipped(stack);
    let own = added(stack).into_iter().filter(|folder| is_whole(folder) && !is_shipped(stack, folder));
    all.extend(own);
    all
}

/// The folders of the owner's, each named as a service is, by name.
pub(super) fn added(stack: &Path) -> Vec<PathBuf> {
    folders(&stack.join(LOCAL))
}

/// The folder of a service: the one that comes with the stack, else the owner's, where that is whole.
pub(super) fn of(stack: &Path, service: &str) -> PathBuf {
    let own = added_to(stack, service);
    let shipped = stack.join(SHIPPED).join(service);
    if !shipped.is_dir() && is_whole(&own) { own } else { shipped }
}

/// Where the owner adds to a service; it need not exist.
pub(super) fn added_to(stack: &Path, service: &str) -> PathBuf {
    stack.join(LOCAL).join(service)
}

/// Whether a folder is that of a whole service, with programs of its own.
pub(super) fn is_whole(folder: &Path) -> bool {
    folder.join("bin").is_dir()
}

/// Whether a service of this folder's name comes with the stack.
pub(super) fn is_shipped(stack: &Path, folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| stack.join(SHIPPED).join(name).is_dir())
}

/// A folder's name.
pub(super) fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten();
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_service_of_the_owners_is_one_and_what_is_added_to_another_is_not() {
        let top = tempfile::tempdir().unwrap();
        let stack = top.path();
        for folder in
            ["service/php/bin", "local/service/php", "local/service/prepare", "local/service/web/bin"]
        {
            fs::create_dir_all(stack.join(folder)).unwrap();
        }
        let names = |folders: Vec<PathBuf>| folders.iter().map(|folder| name(folder)).collect::<Vec<_>>();
        assert_eq!(names(all(stack)), ["php", "web"]);
        assert_eq!(of(stack, "web"), stack.join("local/service/web"));
        // What comes with the stack goes before.
        fs::create_dir_all(stack.join("local/service/php/bin")).unwrap();
        assert_eq!(names(all(stack)), ["php", "web"]);
        assert_eq!(of(stack, "php"), stack.join("service/php"));
    }
}
