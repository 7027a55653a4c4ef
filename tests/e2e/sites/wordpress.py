"""WordPress, as its administrator uses it in a browser."""

from browser import Browser, expect, expect_no_complaint, main

USER, PASSWORD, MAIL = "keeper", "a lamp for each of us", "keeper@forum.test"
# What wordpress.org alone can answer; no test asks it.
ONLY_ITS_MAKERS = ("Could not reach WordPress.org", "Background updates are not working as expected")


def install(browser: Browser) -> None:
    browser.open("/wp-admin/install.php")
    if browser.all("#language-continue"):
        browser.leave("#language-continue")
    browser.fill("#weblog_title", "Lamps and how to light them")
    browser.fill("#user_login", USER)
    browser.fill("#pass1", PASSWORD)
    browser.fill("#admin_email", MAIL)
    browser.driver.execute_script("document.querySelectorAll('.pw-checkbox').forEach(box => { box.checked = true })")
    browser.leave("#submit")
    expect("Success!" in browser.text(), "it is not installed", browser)


def sign_in(browser: Browser) -> None:
    browser.open("/wp-login.php")
    browser.fill("#user_login", USER)
    browser.fill("#user_pass", PASSWORD)
    browser.leave("#wp-submit")
    expect(browser.all("#wpadminbar"), "nobody is signed in", browser)


def permalinks(browser: Browser) -> None:
    sign_in(browser)
    browser.open("/wp-admin/options-permalink.php")
    browser.click("#permalink-input-post-name")
    browser.leave("#submit")
    expect("Permalink structure updated" in browser.text(), "the links are what they were", browser)
    expect_no_complaint(browser)


def post(browser: Browser, title: str) -> str:
    """Uploads a picture by the form that needs no script, and publishes a post that shows it: its address."""
    picture = browser.lamp()
    sign_in(browser)
    browser.open("/wp-admin/media-new.php?browser-uploader")
    browser.find("#async-upload").send_keys(picture)
    browser.leave("#html-upload")
    browser.open("/wp-admin/post-new.php")
    browser.until("the editor is there", lambda: browser.driver.execute_script("return Boolean(document.readyState === 'complete' && window.wp && wp.apiFetch && wp.url)"))
    address = browser.fetch(
        """const [picture] = await wp.apiFetch({path: '/wp/v2/media?per_page=1'});
        const made = await wp.apiFetch({path: '/wp/v2/posts', method: 'POST', data: {title: given[0], status: 'publish',
            content: `<!-- wp:image --><figure class="wp-block-image"><img src="${picture.source_url}" alt="a lamp"/></figure><!-- /wp:image -->
                <p>Grüße 🏮 "and" it's \\\\ kept</p>`}});
        return new URL(made.link).pathname;""",
        title,
    )
    expect_no_complaint(browser)
    return str(address)


def later(browser: Browser, title: str) -> None:
    """A post that is to be published by the periodic task, two minutes from now (what is due within one is published at once)."""
    sign_in(browser)
    browser.open("/wp-admin/post-new.php")
    browser.until("the editor is there", lambda: browser.driver.execute_script("return Boolean(document.readyState === 'complete' && window.wp && wp.apiFetch && wp.url)"))
    status = browser.fetch(
        """const at = new Date(Date.now() + 120000).toISOString().slice(0, 19);
        return (await wp.apiFetch({path: '/wp/v2/posts', method: 'POST', data: {title: given[0], content: 'late', status: 'publish', date_gmt: at}})).status;""",
        title,
    )
    expect(status == "future", f"the post is `{status}`", browser)


def show(browser: Browser, path: str, text: str, picture: str) -> None:
    """A visitor sees the page, its picture too."""
    browser.open(path)
    expect(text in browser.text(), f"there is no `{text}`", browser)
    sizes = browser.driver.execute_script("return [...document.querySelectorAll('.wp-block-image img')].map(i => i.naturalWidth)")
    expect(sizes and all(sizes), f"a picture is not shown: {sizes}", browser)
    expect_no_complaint(browser)
    browser.picture(picture)


def forget(browser: Browser) -> None:
    """Asks for a mail with which a password is chosen anew."""
    browser.open("/wp-login.php?action=lostpassword")
    browser.fill("#user_login", USER)
    browser.leave("#wp-submit")
    expect("Check your email" in browser.text(), "no mail was sent", browser)


def health(browser: Browser, picture: str) -> list[str]:
    """What Site Health calls critical, once it has looked at all, beside what only its makers' site could answer."""
    sign_in(browser)
    browser.open("/wp-admin/site-health.php")
    browser.until(
        "Site Health has looked at all",
        lambda: browser.all(".site-health-progress-wrapper:not(.loading)") and "Results are still loading" not in browser.text(),
    )
    browser.picture(picture)
    found = [entry.get_attribute("textContent") or "" for entry in browser.all("#health-check-issues-critical h4 .title")]
    everything = " ".join(entry.get_attribute("textContent") or "" for entry in browser.all(".health-check-accordion-trigger .title"))
    expect("loopback request" in everything.lower(), "it says nothing of its way to itself", browser)
    unwell = browser.all(".site-status-has-issues .health-check-accordion-trigger .title")
    loopback = [entry.get_attribute("textContent") for entry in unwell if "loopback" in (entry.get_attribute("textContent") or "").lower()]
    expect(not loopback, f"it does not reach itself: {loopback}", browser)
    return [finding for finding in found if not finding.startswith(ONLY_ITS_MAKERS)]


main({step.__name__: step for step in (install, permalinks, post, later, show, forget, health)})
