"""MediaWiki, as its administrator uses it in a browser."""

from browser import Browser, expect, expect_no_complaint, main

USER, PASSWORD, MAIL = "Keeper", "a lamp for each of us", "keeper@forum.test"
CONTINUE = "form [type=submit][name^=submit-continue], form button[name^=submit-continue], form [name=submit-install]"


def install(browser: Browser, socket: str, database: str) -> str:
    """Goes through the installer: the LocalSettings.php that it gives out."""
    browser.open("/mw-config/index.php")
    browser.leave(CONTINUE)
    for _ in range(20):
        page = browser.text()
        if browser.all("a[href*=localsettings], a[href*='localsettings=1']"):
            break
        if browser.all("[name=mysql_wgDBserver]"):
            browser.fill("[name=mysql_wgDBserver]", f"localhost:{socket}")
            browser.fill("[name=mysql_wgDBname]", database)
            browser.fill("[name=mysql__InstallUser]", database)
            browser.fill("[name=mysql__InstallPassword]", "")
        if browser.all("[name=config__AdminName]"):
            browser.fill("[name=config_wgSitename]", "Lamps")
            browser.fill("[name=config__AdminName]", USER)
            browser.fill("[name=config__AdminPassword]", PASSWORD)
            browser.fill("[name=config__AdminPasswordConfirm]", PASSWORD)
            browser.fill("[name=config__AdminEmail]", MAIL)
            browser.click("[name=config__SkipOptional][value=skip]")
        expect("error" not in page.lower() or "complete" in page.lower(), "the installer stops", browser)
        browser.leave(CONTINUE)
    link = browser.find("a[href*=localsettings]").get_attribute("href")
    return str(browser.fetch("return (await fetch(given[0])).text()", link))


def sign_in(browser: Browser) -> None:
    browser.open("/index.php?title=Special:UserLogin")
    browser.fill("#wpName1", USER)
    browser.fill("#wpPassword1", PASSWORD)
    browser.leave("#wpLoginAttempt")
    expect(browser.all("#pt-logout, #pt-logout-2"), "nobody is signed in", browser)


def post(browser: Browser, title: str) -> str:
    """Uploads a picture, and writes a page that shows it: its address."""
    picture = browser.lamp()
    sign_in(browser)
    browser.open("/index.php?title=Special:Upload")
    browser.find("#wpUploadFile").send_keys(picture)
    browser.fill("#wpDestFile", "Lamp.png")
    browser.click("#wpIgnoreWarning")
    browser.leave("[name=wpUpload]")
    expect(browser.all("#file img"), "the picture is not there", browser)
    browser.open(f"/index.php?title={title}&action=edit")
    browser.fill("#wpTextbox1", "[[File:Lamp.png]]\n\nGrüße 🏮 \"and\" it's \\ kept")
    browser.leave("#wpSave")
    expect_no_complaint(browser)
    return f"/wiki/{title}"


def show(browser: Browser, path: str, text: str, picture: str) -> None:
    browser.open(path)
    expect(text in browser.text(), f"there is no `{text}`", browser)
    sizes = browser.driver.execute_script("return [...document.querySelectorAll('#mw-content-text img')].map(i => i.naturalWidth)")
    expect(sizes and all(sizes), f"a picture is not shown: {sizes}", browser)
    expect_no_complaint(browser)
    browser.picture(picture)


def forget(browser: Browser) -> None:
    browser.open("/index.php?title=Special:PasswordReset")
    browser.fill("[name=wpUsername]", USER)
    browser.leave(".mw-htmlform-submit-buttons button, .mw-htmlform-submit-buttons [type=submit]")


main({step.__name__: step for step in (install, post, show, forget)})
