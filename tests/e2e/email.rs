//! What e-mail proves, and what registration, login and recovery do not tell.

use harness::{Client, Pair, Stack, client::PASSWORD, client::problem, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

harness::on_both!(
    password_reset_ends_all_sessions,
    newest_verification_code_counts,
    verified_address_is_unique,
    address_changes_once_the_new_one_is_proved,
    reset_rate_is_limited_for_each_address,
    smtp_server_receives_mail,
);

fn code(mail: &str) -> String {
    let at = mail.find("slm_").unwrap_or_else(|| panic!("no code in {mail}"));
    mail[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-').collect()
}

async fn post(client: &Client, path: &str, body: Value) -> reqwest::Response {
    client.http.post(format!("{}/api/v1/auth/{path}", client.url)).json(&body).send().await.unwrap()
}

async fn password_reset_ends_all_sessions(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let mail = format!("{}@example.org", client.username);
    let machine = client.api_token(&["admin"]).await;
    let claimed = post(&client, "login", json!({ "login": mail, "password": PASSWORD })).await;
    assert_eq!(problem(claimed).await.0, 401, "an address works once it is proved");
    let known = post(&client, "forgot-password", json!({ "email": mail.to_uppercase() })).await;
    let unknown = post(&client, "forgot-password", json!({ "email": "nobody@example.org" })).await;
    assert_eq!((known.status(), unknown.status()), (202.try_into().unwrap(), 202.try_into().unwrap()));
    assert_eq!(known.bytes().await.unwrap(), unknown.bytes().await.unwrap());
    let text = stack.mail(&mail, "new password").await;
    assert!(!text.contains("http://") && !text.contains("https://"), "no link without a public URL: {text}");
    let code = code(&text);
    let reset = |code: &str, password: &str| json!({ "token": code, "password": password });
    let wrong = post(&client, "reset-password", reset("slm_wrong", "a phrase of words")).await;
    assert_eq!(problem(wrong).await, (422, "invalid_code".into()));
    let weak = post(&client, "reset-password", reset(&code, "1234567890")).await;
    assert_eq!(problem(weak).await, (422, "invalid".into()), "and the code is still good");
    assert_eq!(post(&client, "reset-password", reset(&code, "a phrase of words")).await.status(), 204);
    let again = post(&client, "reset-password", reset(&code, "another phrase of words")).await;
    assert_eq!(problem(again).await, (422, "invalid_code".into()), "it works once");
    assert_eq!(problem(client.get("/api/v1/me").await).await.0, 401, "all sessions ended");
    let machine = client.with_token(&machine).get("/api/v1/me").await;
    assert_eq!(problem(machine).await.0, 401, "and no key is left behind");
    let login = post(&client, "login", json!({ "login": mail, "password": "a phrase of words" })).await;
    assert_eq!(login.status(), 200);
    let user: Value = login.json().await.unwrap();
    assert_eq!(user["user"]["email_verified"], true, "the code proved the address");
    stack.mail(&mail, "was changed").await;
}

async fn newest_verification_code_counts(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_PUBLIC_URL", "https://video.example.org/")]).await;
    let client = stack.creator().await;
    let mail = format!("{}@example.org", client.username);
    let first = stack.mail(&mail, "Confirm").await;
    assert!(first.contains("https://video.example.org/verify-email?token"), "{first}");
    assert_eq!(client.json(Method::GET, "/api/v1/me", &Value::Null, 200).await["email_verified"], false);
    client.json(Method::POST, "/api/v1/me/verify-email", &Value::Null, 202).await;
    let second = eventually("a second e-mail", Duration::from_secs(10), || async {
        let newest = stack.mail(&mail, "Confirm").await;
        (code(&newest) != code(&first)).then_some(newest)
    })
    .await;
    let stale = post(&client, "verify-email", json!({ "token": code(&first) })).await;
    assert_eq!(problem(stale).await, (422, "invalid_code".into()), "the newer one replaced it");
    assert_eq!(post(&client, "verify-email", json!({ "token": code(&second) })).await.status(), 204);
    assert_eq!(client.json(Method::GET, "/api/v1/me", &Value::Null, 200).await["email_verified"], true);
}

/// Who registers with somebody's address before them gets nothing by it, and learns nothing.
async fn verified_address_is_unique(pair: Pair) {
    let stack = Stack::start(pair).await;
    let register = |name: &str| {
        let body = json!({ "username": name, "email": "ada@example.org", "password": PASSWORD });
        harness::client::http().post(format!("{}/api/v1/auth/register", stack.url)).json(&body).send()
    };
    assert_eq!(register("squatter").await.unwrap().status(), 201);
    let squatter = Client::login(&stack.url, "squatter").await;
    stack.mail("ada@example.org", "Hello squatter").await;
    assert_eq!(register("ada").await.unwrap().status(), 201);
    let ada = Client::login(&stack.url, "ada").await;
    let proof = code(&stack.mail("ada@example.org", "Hello ada").await);
    assert_eq!(post(&ada, "verify-email", json!({ "token": proof })).await.status(), 204);
    let after = squatter.json(Method::GET, "/api/v1/me", &Value::Null, 200).await;
    assert_eq!(
        (after["email"].as_str(), after["email_verified"].as_bool()),
        (Some("ada@example.org"), Some(false)),
        "it learns nothing"
    );
    squatter.json(Method::POST, "/api/v1/me/verify-email", &Value::Null, 202).await;
    stack.mail("ada@example.org", "You already have an account").await;
    let claim = post(&ada, "login", json!({ "login": "ada@example.org", "password": PASSWORD })).await;
    assert_eq!(claim.json::<Value>().await.unwrap()["user"]["username"], "ada");
    let by_mail = post(&ada, "login", json!({ "login": "ada@example.org", "password": PASSWORD })).await;
    assert_eq!(by_mail.json::<Value>().await.unwrap()["user"]["username"], "ada");
    // The same answer as for a free address; its owner is told.
    let third = register("third").await.unwrap();
    assert_eq!(third.status(), 201);
    stack.mail("ada@example.org", "You already have an account").await;
    assert_eq!(problem(register("ADA").await.unwrap()).await, (409, "taken".into()), "names are public");
}

async fn address_changes_once_the_new_one_is_proved(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_APP_URL", "https://app.example.org/films/")]).await;
    let client = stack.creator().await;
    let old = format!("{}@example.org", client.username);
    let new = format!("New.{}@example.org", client.username);
    let proof = stack.mail(&old, "Confirm").await;
    assert!(proof.contains("https://app.example.org/films/verify-email?token"), "links lead to the app: {proof}");
    assert_eq!(post(&client, "verify-email", json!({ "token": code(&proof) })).await.status(), 204);
    let ask = |email: &str, password: &str| json!({ "email": email, "password": password });
    let path = "/api/v1/me/email";
    let stolen = client.send(Method::PUT, path, &ask(&new, "not the password")).await;
    assert_eq!(problem(stolen).await, (403, "wrong_password".into()));
    assert_eq!(problem(client.send(Method::PUT, path, &ask("nowhere", PASSWORD)).await).await, (422, "invalid".into()));
    client.json(Method::PUT, path, &ask(&new, PASSWORD), 202).await;
    let letter = stack.mail(&new, "is to become that of your account").await;
    let me = client.json(Method::GET, "/api/v1/me", &Value::Null, 200).await;
    assert_eq!(me["email"], old.as_str(), "nothing has changed yet");
    assert_eq!(post(&client, "verify-email", json!({ "token": code(&letter) })).await.status(), 204);
    let again = post(&client, "verify-email", json!({ "token": code(&letter) })).await;
    assert_eq!(problem(again).await, (422, "invalid_code".into()), "it works once");
    let me = client.json(Method::GET, "/api/v1/me", &Value::Null, 200).await;
    assert_eq!((&me["email"], &me["email_verified"]), (&json!(new), &json!(true)));
    stack.mail(&old, "is now").await;
    for (login, status) in [(&old, 401), (&new, 200)] {
        let answer = post(&client, "login", json!({ "login": login, "password": PASSWORD })).await;
        assert_eq!(answer.status(), status, "{login}");
    }
    // An address that somebody has proved: its owner is told, whoever asks is not.
    let other = stack.creator().await;
    other.json(Method::PUT, path, &ask(&new.to_uppercase(), PASSWORD), 202).await;
    stack.mail(&new, "You already have an account").await;
}

async fn reset_rate_is_limited_for_each_address(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_LIMITS", "reset=1000/60, reset_account=2/600")]).await;
    let client = stack.creator().await;
    for (email, expected) in
        [("a@example.org", 202), ("A@example.org", 202), ("a@example.org", 429), ("b@example.org", 202)]
    {
        let answer = post(&client, "forgot-password", json!({ "email": email })).await;
        assert_eq!(answer.status(), expected, "{email}");
    }
}

/// A real SMTP server takes the e-mail in.
async fn smtp_server_receives_mail(pair: Pair) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let python = std::env::var("SLUICE_TEST_PYTHON").expect("run the tests with `make test`");
    let mut server = Command::new(python)
        .args([
            "-u",
            "-m",
            "aiosmtpd",
            "-n",
            "-l",
            &format!("127.0.0.1:{port}"),
            "-c",
            "aiosmtpd.handlers.Debugging",
            "stdout",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    let out = server.stdout.take().unwrap();
    std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|l| sender.send(l)));
    let url = format!("smtp://127.0.0.1:{port}");
    let stack =
        Stack::start_with(pair, &[("SLUICE_SMTP_URL", &url), ("SLUICE_MAIL_FROM", "Films <films@example.org>")]).await;
    let client = stack.creator().await;
    let mut text = String::new();
    while !text.contains("slm_") {
        text += &lines.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| panic!("only {text:?} arrived"));
        text.push('\n');
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(text.contains(&format!("To: {}@example.org", client.username)), "{text}");
    assert!(text.contains("films@example.org"), "{text}");
}
