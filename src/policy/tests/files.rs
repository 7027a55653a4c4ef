//! Where a policy comes from.

use super::*;

fn load(content: &[u8]) -> Result<Policy, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(&path, content).unwrap();
    let place = format!("{}/", folder.path().display());
    Policy::load(&path).map_err(|error| error.to_string().replace(&place, ""))
}

#[test]
fn a_file_that_is_there_is_read() {
    let policy = load(b"[action.backup]\ntimeout = \"5m\"\n").unwrap();
    assert_eq!(policy.rule(&action("backup")).timeout, Duration::from_secs(300));
}

#[test]
fn a_file_that_is_not_there_is_a_policy_without_tables() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Policy::load(&folder.path().join(FILE)), Ok(Policy::default()));
    assert_eq!(Policy::load(&folder.path().join("no/conf").join(FILE)), Ok(Policy::default()));
}

#[test]
fn a_file_that_cannot_be_read_is_no_policy() {
    let folder = tempfile::tempdir().unwrap();
    let error = Policy::load(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with(": it is not a regular file"), "{error}");
    let link = folder.path().join(FILE);
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let error = Policy::load(&link).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the policy /") && error.contains("No such file"), "{error}");
}

#[test]
fn a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join(FILE);
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(Policy::load(&pipe), Err(PolicyError::Unreadable { .. })));
}

#[test]
fn a_file_that_is_not_utf8_is_no_policy() {
    insta::assert_snapshot!(load(b"[action.a]\nallow = [\"caf\xe9\", \"x\"]\n").unwrap_err(), @r#"
    housekeeping.toml:2:14: this is not UTF-8 text
      |
    2 | allow = ["caf�", "x"]
      |              ^ expected UTF-8
    "#);
}

#[test]
fn a_file_that_is_too_large_is_no_policy() {
    let mut content = vec![b'#'; LARGEST];
    assert_eq!(load(&content), Ok(Policy::default()));
    content.push(b'#');
    insta::assert_snapshot!(load(&content).unwrap_err(), @"the policy housekeeping.toml is larger than 64 KiB; is it the right file?");
    let text = String::from_utf8(content).unwrap();
    assert_eq!(Policy::parse(&text, FILE), Err(PolicyError::TooLarge { file: FILE.into() }));
}

#[test]
fn what_is_added_takes_the_place_of_a_table_as_a_whole() {
    let own = parse(
        "[action.backup]\ntimeout = '2h'\nallow = ['forum']\nexpect-within = '26h'\n[action.rotate]\ntimeout = '5m'",
    );
    let added = parse("[action.backup]\ntimeout = '3h'\n[action.feeds]\noverlap = 'skip'");
    let policy = own.with(added, "local/service/web/housekeeping.toml");
    let expected = Rule { timeout: Duration::from_secs(3 * 60 * 60), ..Rule::DEFAULT };
    assert_eq!(*policy.rule(&action("backup")), expected, "what it does not say has the default");
    assert_eq!(policy.rule(&action("rotate")).timeout, Duration::from_secs(300));
    assert_eq!(policy.rule(&action("feeds")).overlap, Overlap::Skip);
}

#[test]
fn a_table_for_an_action_that_is_not_there_is_told_with_its_file() {
    let policy = parse("[action.rotat]").with(parse("[action.fedes]"), "local/service/web/housekeeping.toml");
    let known = [action("rotate"), action("feeds")];
    insta::assert_snapshot!(policy.strays(&known).join("\n"), @r"
    [action.fedes] in local/service/web/housekeeping.toml is for an action that is not there; did you mean `feeds`?
    [action.rotat] in housekeeping.toml is for an action that is not there; did you mean `rotate`?
    ");
}

#[test]
fn faults_are_shown_with_the_name_that_people_know_a_file_by() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(&path, "[action.a]\ncolour = 1").unwrap();
    let error = Policy::load_as(&path, "local/service/web/housekeeping.toml").unwrap_err();
    assert!(error.summary().starts_with("local/service/web/housekeeping.toml:2:1: unknown key `colour`"));
}
