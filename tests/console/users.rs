//! Who may log in: `lamplighter console user`.

use std::os::unix::fs::PermissionsExt;

use crate::browser::{PASSWORD, add_user, program, secret_in};
use crate::stage::Stage;

#[test]
fn a_user_is_added_listed_and_removed_and_his_password_stands_nowhere() {
    let stage = Stage::new();
    let (done, said) = add_user(&stage, "anna", &format!("{PASSWORD}\n{PASSWORD}\n"));
    assert!(done, "{said}");
    let secret = secret_in(&said);
    assert!(
        said.contains(&format!("otpauth://totp/Lamplighter:anna?secret={secret}&issuer=Lamplighter")),
        "{said}"
    );
    let file = stage.path("data/console/users.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("$argon2id$") && !text.contains(PASSWORD), "{text}");
    let listed = program(&stage, &["console", "user", "list"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "anna\n");
    assert!(program(&stage, &["console", "user", "remove", "anna"]).status().unwrap().success());
    assert!(!program(&stage, &["console", "user", "remove", "anna"]).status().unwrap().success());
    let listed = program(&stage, &["console", "user", "list"]).output().unwrap();
    assert!(listed.stdout.is_empty());
}

#[test]
fn a_password_that_is_too_short_or_typed_otherwise_and_a_name_that_is_none_add_nobody() {
    let stage = Stage::new();
    for (name, typed, why) in [
        ("anna", "short\nshort\n", "at least 12 characters"),
        ("anna", &format!("{PASSWORD}\n{PASSWORD}x\n"), "not the same"),
        ("anna", "", "at least 12 characters"),
        ("Anna", &format!("{PASSWORD}\n{PASSWORD}\n"), "is no name"),
        ("../anna", &format!("{PASSWORD}\n{PASSWORD}\n"), "is no name"),
    ] {
        let (done, said) = add_user(&stage, name, typed);
        assert!(!done && said.contains(why), "{name}: {said}");
    }
    assert!(!stage.path("data/console/users.json").exists());
}
