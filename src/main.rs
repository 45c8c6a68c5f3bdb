//! The `redistill` program: arguments, configuration, exit codes.

use redistill::config::{self, Overrides};
use redistill::{http, server};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
Usage: redistill [--config FILE] [--<section>.<key> VALUE]...
       redistill check [--config FILE]       validate the configuration without starting
       redistill health [--config FILE | --url URL]    exit with 0 if the server is healthy
       redistill --version | --help

The configuration is looked up in: --config, $REDISTILL_CONFIG, ./redistill.toml,
/etc/redistill/redistill.toml. Every key can also be set as $REDISTILL_<SECTION>_<KEY>.
";

const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

enum Task {
    Serve(Overrides),
    Check(Overrides),
    Health(Option<String>, Overrides),
    Print(String),
}

fn main() -> ExitCode {
    let outcome = arguments().and_then(|task| match task {
        Task::Serve(overrides) => serve(overrides),
        Task::Check(overrides) => check(&overrides),
        Task::Health(url, overrides) => health(url, &overrides),
        Task::Print(text) => {
            print!("{text}");
            Ok(())
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("redistill: {message}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Task, String> {
    use lexopt::prelude::*;
    let mut parser = lexopt::Parser::from_env();
    let mut overrides = Overrides::default();
    let mut command = None;
    let mut url = None;
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Task::Print(USAGE.to_owned())),
            Short('V') | Long("version") => {
                let version = env!("CARGO_PKG_VERSION");
                return Ok(Task::Print(format!("redistill {version}\n")));
            }
            Short('c') | Long("config") => overrides.config = Some(value(&mut parser)?.into()),
            Long("url") => url = Some(value(&mut parser)?),
            Long(name) => {
                let name = name.to_owned();
                overrides.options.push((name, value(&mut parser)?));
            }
            Value(word) if command.is_none() => {
                command = Some(word.string().map_err(|error| error.to_string())?);
            }
            other => return Err(format!("{}\n\n{USAGE}", other.unexpected())),
        }
    }
    match command.as_deref() {
        None => Ok(Task::Serve(overrides)),
        Some("check") => Ok(Task::Check(overrides)),
        Some("health") => Ok(Task::Health(url, overrides)),
        Some(other) => Err(format!("unknown command '{other}'\n\n{USAGE}")),
    }
}

fn value(parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().map_err(|error| error.to_string())?;
    value
        .into_string()
        .map_err(|value| format!("{value:?} is not UTF-8"))
}

fn load(overrides: &Overrides) -> Result<(config::Loaded, Environment), String> {
    let env = config::environment().map_err(|error| error.to_string())?;
    let loaded = config::load(overrides, &env).map_err(|error| error.to_string())?;
    Ok((loaded, env))
}

type Environment = std::collections::BTreeMap<String, String>;

fn serve(overrides: Overrides) -> Result<(), String> {
    let (loaded, env) = load(&overrides)?;
    server::logging::start(&loaded.config.logging).map_err(|error| error.to_string())?;
    server::run(loaded, overrides, env).map_err(|failure| failure.to_string())
}

fn check(overrides: &Overrides) -> Result<(), String> {
    let (loaded, _) = load(overrides)?;
    server::check(&loaded).map_err(|failure| failure.to_string())?;
    let file = loaded
        .file
        .as_ref()
        .map_or("embedded defaults".into(), |f| f.display().to_string());
    for warning in &loaded.warnings {
        println!("warning: {warning}");
    }
    println!("{file}: the configuration is valid");
    Ok(())
}

/// Asks the server at `url`, or the one that this configuration is of.
fn health(url: Option<String>, overrides: &Overrides) -> Result<(), String> {
    let url = match url {
        Some(url) => url,
        None => {
            let configured = load(overrides)?.0.config.server.health_url();
            configured.ok_or("there is no health endpoint: server.health_check_port is 0")?
        }
    };
    match http::client::get_status(&url, HEALTH_TIMEOUT) {
        Ok(200) => Ok(()),
        Ok(status) => Err(format!("{url} answers {status}")),
        Err(error) => Err(format!("{url}: {error}")),
    }
}
