//! Finding the schedule that a command is about, and reading it.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::CommandError;
use super::service_folders;
use crate::schedule::Text;
use crate::scheduler::{ADDED, FILE, added};
use crate::settings::Folders;

/// The schedule of a path: a file, or the folder of a stack or of a configuration. Without a path, that of this
/// container's configuration, else of the stack in the working directory.
pub(super) fn find(path: Option<&Path>, folders: &Folders) -> Result<PathBuf, CommandError> {
    match path {
        Some(path) if path.is_dir() => in_folder(path).ok_or_else(|| {
            let message = format!("there is no {FILE} in {}, nor below its `service` folder", path.display());
            CommandError::Usage(message)
        }),
        Some(path) => Ok(path.to_owned()),
        None => in_folder(&folders.conf).or_else(|| in_folder(Path::new("."))).ok_or_else(|| {
            let conf = folders.conf.display();
            CommandError::Usage(format!("there is no {FILE} in {conf} nor in a stack here: name the file"))
        }),
    }
}

fn in_folder(folder: &Path) -> Option<PathBuf> {
    let own = folder.join(FILE);
    let services =
        service_folders::shipped(folder).into_iter().map(|service| service.join("conf").join(FILE));
    [own].into_iter().chain(services).find(|file| file.is_file())
}

/// Reads a schedule, with what the owner of its stack, or of this container's, has added to it.
pub(super) fn read(path: &Path, folders: &Folders) -> Result<Text, CommandError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |why| CommandError::Unreadable { path, why }
    };
    let folder = match stack_of(path) {
        Some(stack) => Some(stack.join("local").join(ADDED)),
        None => (path == folders.conf.join(FILE)).then(|| folders.local.join(ADDED)),
    };
    let more = folder.map(|folder| added(&folder).map_err(unreadable(&folder))).transpose()?;
    let mut text = Text::default();
    for path in [path.to_owned()].into_iter().chain(more.into_iter().flatten()) {
        let bytes = fs::read(&path).map_err(unreadable(&path))?;
        text.push(path.display().to_string(), &bytes);
    }
    Ok(text)
}

/// The stack that a path belongs to, which is its folder or a schedule of it.
pub(super) fn home(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        stack_of(&in_folder(path)?).map(Path::to_owned)
    } else {
        stack_of(path).map(Path::to_owned)
    }
}

/// The stack that a schedule belongs to, where it stands as `service/SERVICE/conf/FILE`.
pub(super) fn stack_of(path: &Path) -> Option<&Path> {
    let services = path.ancestors().nth(3)?;
    let stack = services.parent().filter(|_| services.file_name().is_some_and(|name| name == "service"))?;
    Some(if stack.as_os_str().is_empty() { Path::new(".") } else { stack })
}
