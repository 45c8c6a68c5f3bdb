//! What a server costs before it stores anything: the process, and each idle connection.

use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Settings};
use super::super::loadgen::Load;
use super::super::options::Options;
use super::super::report::{Findings, Table, mebibytes};
use super::super::server::Server;
use super::super::tls::Certificate;
use super::{placement, settings};

const IDLE_CONNECTIONS: u64 = 5_000;

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let directory = tempfile::tempdir()?;
    let certificate = Certificate::generate(directory.path())?;
    let connections = options.scaled(IDLE_CONNECTIONS);
    let mut rows = Vec::new();
    let mut samples = Vec::new();
    for contender in contenders {
        eprintln!("compare: empty: {}", contender.name);
        let (empty, plain) = idle(options, contender, None, connections)?;
        let encrypted = match contender.kind.speaks_resp() {
            true => Some(idle(options, contender, Some(certificate.clone()), connections)?.1),
            false => None,
        };
        rows.push(vec![
            contender.name.clone(),
            mebibytes(empty),
            format!("{plain:.0}"),
            encrypted.map_or("–".into(), |bytes| format!("{bytes:.0}")),
        ]);
        samples.push(json!({
            "contender": contender.name, "empty_bytes": empty,
            "plain_connection_bytes": plain, "tls_connection_bytes": encrypted,
        }));
    }
    let heads = [
        "server",
        "empty, MiB",
        "bytes per idle connection",
        "over TLS",
    ];
    let table = Table {
        title: "Resident memory of an empty server".into(),
        note: format!(
            "VmRSS after the start, and its growth per connection with {connections} connections \
             that have each had one PING answered and then say nothing."
        ),
        columns: heads.map(str::to_owned).to_vec(),
        rows,
    };
    Ok(Findings {
        name: "empty",
        tables: vec![table],
        samples: json!(samples),
    })
}

/// Resident bytes when empty, and the growth per idle connection.
fn idle(
    options: &Options,
    contender: &Contender,
    certificate: Option<Certificate>,
    connections: u64,
) -> Result<(f64, f64)> {
    let encrypted = certificate.is_some();
    let settings = Settings {
        certificate,
        ..settings(options)
    };
    let server = Server::start(contender, &settings, &placement(options))?;
    let empty = server.settled_resident_bytes()? as f64;
    let connect = if encrypted {
        Load::connect_tls
    } else {
        Load::connect
    };
    let load = connect(&server, connections as usize)
        .and_then(|mut load| load.ping().map(|()| load))
        .map_err(|error| server.blame(error))?;
    let full = server.settled_resident_bytes()? as f64;
    drop(load);
    Ok((empty, (full - empty) / connections as f64))
}
