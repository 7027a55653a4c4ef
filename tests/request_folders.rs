//! A service whose request socket lies in a folder of its own, with a link to it where everybody looks.

mod common;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use common::{Client, Running, Service, is_root};

const LINK: &str = "run/web-request.sock";
const TARGET: &str = "requests/web/request.sock";

/// Asks at the place where everybody looks.
fn ask_at_link(service: &Running, line: &str) -> String {
    let run = service.service().sockets();
    let mut client = Client::connect(run, "web-request.sock").expect("somebody behind the link");
    client.send(format!("{line}\n")).answer()
}

/// What there is to find in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder of ours").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn where_it_leads(link: PathBuf) -> PathBuf {
    fs::read_link(link).expect("a link")
}

#[test]
fn socket_and_lock_are_in_the_folder_and_a_link_leads_there() {
    let service = Service::new().own_folder().start();
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(names(&service.path("run/requests/web")), ["lock", "request.sock"]);
    assert_eq!(names(&service.path("run")), ["requests", "web-request.sock"]);
    assert_eq!(where_it_leads(service.path(LINK)), Path::new(TARGET));
    common::accepted(&ask_at_link(&service, "root ok"));
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    let socket = fs::metadata(service.path("run").join(TARGET)).expect("the socket");
    assert_eq!(socket.mode() & 0o777, 0o660);
    service.stop();
    assert_eq!(names(&service.path("run/requests/web")), ["lock"]);
    let (status, said) = service.health();
    let socket = service.path("run").join(TARGET);
    assert_eq!(status, 4);
    assert!(said.contains(&format!("cannot reach {}: No such file", socket.display())), "{said}");
}

#[test]
fn a_second_supervisor_is_refused_by_the_lock_in_the_folder() {
    let service = Service::new().own_folder().start();
    service.connect();
    let (_, second) = service.service().spawn();
    assert_eq!(second.wait_for_exit().code(), Some(125));
    let lock = service.path("run/requests/web/lock");
    second.wait_for(&format!("it holds the lock {}", lock.display()));
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn what_asks_others_finds_a_link_to_each_of_them() {
    let service = Service::new().own_folder();
    for name in ["mysql", "redis", "Not-A-Service"] {
        fs::create_dir(service.path("run/requests").join(name)).expect("a folder in ours");
    }
    let service = service.start();
    service.connect();
    for name in ["mysql", "redis"] {
        let link = service.path("run").join(format!("{name}-request.sock"));
        assert_eq!(where_it_leads(link), Path::new("requests").join(name).join("request.sock"));
    }
    assert_eq!(names(&service.path("run")).len(), 4, "{:?}", names(&service.path("run")));
    assert!(!service.log().text().contains("cannot make the link"));
}

#[test]
fn a_socket_of_before_there_was_the_folder_gives_way_to_the_link() {
    let service = Service::new().own_folder();
    drop(UnixListener::bind(service.path(LINK)).expect("a socket in our folder"));
    let service = service.start();
    service.connect();
    assert_eq!(where_it_leads(service.path(LINK)), Path::new(TARGET));
    common::accepted(&ask_at_link(&service, "root ok"));
}

#[test]
fn what_else_is_in_the_links_place_stays_and_is_said() {
    let makers: [fn(&Path); 4] = [
        |path| fs::write(path, "kept").expect("a file in our folder"),
        |path| fs::create_dir(path).expect("a folder in ours"),
        |path| symlink("elsewhere", path).expect("a link in our folder"),
        // Somebody is behind this socket, for as long as the test runs.
        |path| std::mem::forget(UnixListener::bind(path).expect("a socket in our folder")),
    ];
    for make in makers {
        let service = Service::new().own_folder();
        let path = service.path(LINK);
        make(&path);
        let before = fs::symlink_metadata(&path).expect("what was made");
        let service = service.start();
        let said = service.log().wait_for("cannot make the link");
        assert!(said.contains(&format!("{} to {TARGET}: something else is there", path.display())), "{said}");
        assert_eq!(service.run("ok").outcome, "succeeded");
        let after = fs::symlink_metadata(&path).expect("it has stayed");
        assert_eq!((before.ino(), before.ctime_nsec()), (after.ino(), after.ctime_nsec()));
    }
}

#[test]
fn where_no_link_can_be_made_that_is_said_and_the_service_is_asked_in_its_folder() {
    let mut service = Service::new().own_folder();
    if is_root() {
        service = service.owned_by(12345).below(&common::as_user("12345"));
        let run = service.path("run");
        std::os::unix::fs::chown(run, Some(0), Some(0)).expect("root can give a folder to root");
    }
    let service = service.mode("run", 0o555).start();
    let said = service.log().wait_for("cannot make the link");
    assert!(said.contains("Permission denied"), "{said}");
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(names(&service.path("run")), ["requests"]);
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    fs::set_permissions(service.path("run"), fs::Permissions::from_mode(0o755)).expect("our own folder");
}

#[test]
fn a_link_in_the_folders_place_is_not_followed_and_is_said() {
    let service = Service::new();
    fs::create_dir_all(service.path("victim")).expect("a folder of ours");
    fs::create_dir_all(service.path("run/requests")).expect("a folder of ours");
    symlink(service.path("victim"), service.path("run/requests/web")).expect("a link in our folder");
    let service = service.start();
    let said = service.log().wait_for("is no folder");
    let (planted, socket) = (service.path("run/requests/web"), service.path(LINK));
    assert!(said.contains(&planted.display().to_string()), "{said}");
    assert!(said.contains(&socket.display().to_string()), "{said}");
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(names(&service.path("victim")), [""; 0]);
    assert!(fs::symlink_metadata(socket).expect("the socket").file_type().is_socket());
    assert_eq!(names(&service.path("run")), ["requests", "web-request.sock", "web.lock"]);
}

#[test]
fn neither_link_nor_pipe_in_the_folder_is_taken_for_the_lock() {
    for make in [
        |path: &Path| symlink("../victim", path).expect("a link in our folder"),
        |path: &Path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe in our folder"),
    ] {
        let service = Service::new().own_folder();
        make(&service.path("run/requests/web/lock"));
        let service = service.start();
        service.log().wait_for("degraded: cannot make the lock");
        assert_eq!(service.run("ok").outcome, "succeeded");
        assert!(!service.path("run/requests/victim").exists());
    }
}

#[test]
fn the_socket_has_the_folders_group_where_the_folder_hands_it_on() {
    if !is_root() {
        return common::skip("only root can give a folder to a group");
    }
    let service = Service::new().own_folder().owned_by(12345);
    let folder = service.path("run/requests/web");
    std::os::unix::fs::chown(&folder, Some(12345), Some(64123)).expect("root can give a folder away");
    let service = service.mode("run/requests/web", 0o2750).below(&common::as_user("12345")).start();
    assert_eq!(service.run("ok").outcome, "succeeded");
    let socket = fs::metadata(folder.join("request.sock")).expect("the socket");
    assert_eq!((socket.uid(), socket.gid(), socket.mode() & 0o777), (12345, 64123, 0o660));
    assert!(!service.log().text().contains("degraded"));
}
