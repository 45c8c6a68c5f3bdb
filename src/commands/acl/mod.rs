//! `ACL`: users, and what each may do.

mod log;
mod store;
mod users;

use super::context::Context;
use super::help;
use super::spec::*;
use super::table::{self, Family};
use crate::base::number;
use crate::error::Error;
use crate::protocol::{Args, Reply};
use ring::rand::{SecureRandom, SystemRandom};

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: Categories(0),
    commands: COMMANDS,
};

const ANYBODY: Flags = NOSCRIPT.and(LOADING).and(STALE);
const OPERATOR: Flags = ANYBODY.and(ADMIN);

/// Bits of a password of `ACL GENPASS` unless told.
const GENPASS_BITS: i64 = 256;
/// The most it makes.
const GENPASS_BITS_MAX: i64 = 4096;

const COMMANDS: &[Command] = checked(&[Command::container("acl", SUBCOMMANDS).about(
    "A container for access control commands.",
    "Depends on subcommand.",
    "6.0.0",
)]);

const SUBCOMMANDS: &[Command] = checked(&[
    Command::session("cat", -2, cat)
        .flags(ANYBODY)
        .syntax("[category]")
        .about(
            "Lists the categories of commands, or the commands of one.",
            "O(1) since the categories and commands are a fixed set.",
            "6.0.0",
        ),
    Command::session("deluser", -3, users::deluser)
        .flags(OPERATOR)
        .syntax("username [username ...]")
        .about(
            "Deletes users, and disconnects their clients.",
            "O(1) amortized time considering the typical user.",
            "6.0.0",
        ),
    Command::session("dryrun", -4, users::dryrun)
        .flags(OPERATOR)
        .syntax("username command [arg [arg ...]]")
        .about(
            "Tells whether a user may run a command, without running it.",
            "O(1).",
            "7.0.0",
        ),
    Command::session("genpass", -2, genpass)
        .flags(ANYBODY)
        .syntax("[bits]")
        .about("Makes a password that nobody can guess.", "O(1)", "6.0.0"),
    Command::session("getuser", 3, users::getuser)
        .flags(OPERATOR)
        .syntax("username")
        .about(
            "Tells what a user may do.",
            "O(N). Where N is the number of password, command and pattern rules that the user has.",
            "6.0.0",
        ),
    help::row("6.0.0"),
    Command::session("list", 2, users::list)
        .flags(OPERATOR)
        .about(
            "Lists the users with their rules.",
            "O(N). Where N is the number of configured users.",
            "6.0.0",
        ),
    Command::session("load", 2, store::load)
        .flags(OPERATOR)
        .about(
            "Replaces the users by those of the file of users.",
            "O(N). Where N is the number of configured users.",
            "6.0.0",
        ),
    Command::session("log", -2, log::log)
        .flags(OPERATOR)
        .syntax("[count | RESET]")
        .about(
            "Lists what users were refused lately.",
            "O(N) with N being the number of entries shown.",
            "6.0.0",
        ),
    Command::session("save", 2, store::save)
        .flags(OPERATOR)
        .about(
            "Stores the users in the file of users.",
            "O(N). Where N is the number of configured users.",
            "6.0.0",
        ),
    Command::session("setuser", -3, users::setuser)
        .flags(OPERATOR)
        .syntax("username [rule [rule ...]]")
        .about(
            "Creates a user, or changes what it may do.",
            "O(N). Where N is the number of rules provided.",
            "6.0.0",
        ),
    Command::session("users", 2, users::names)
        .flags(OPERATOR)
        .about(
            "Lists the names of the users.",
            "O(N). Where N is the number of configured users.",
            "6.0.0",
        ),
    Command::session("whoami", 2, users::whoami)
        .flags(ANYBODY)
        .about("Tells which user the connection is.", "O(1)", "6.0.0"),
]);

fn cat(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match args.len() {
        2 => {
            reply.array(CATEGORY_NAMES.len());
            let names = CATEGORY_NAMES.iter();
            names.for_each(|(_, name)| reply.bulk(name.as_bytes()));
        }
        3 => {
            let category = crate::acl::category(args.at(2));
            let category = category.ok_or_else(|| Error::unknown_category(args.at(2)))?;
            let commands = table::all().iter();
            let names: Vec<&str> = commands
                .filter(|command| command.categories.has(category))
                .map(|command| command.full_name)
                .collect();
            reply.array(names.len());
            names.iter().for_each(|name| reply.bulk(name.as_bytes()));
        }
        _ => return Err(Error::subcommand_usage(args.at(1), "ACL")),
    }
    DONE
}

fn genpass(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let bits = match args.len() {
        2 => GENPASS_BITS,
        3 => number::parse_i64(args.at(2)).ok_or(Error::NotInteger)?,
        _ => return Err(Error::subcommand_usage(args.at(1), "ACL")),
    };
    if !(1..=GENPASS_BITS_MAX).contains(&bits) {
        return Err(Error::GENPASS_BITS);
    }
    let digits = (bits as usize).div_ceil(4);
    let mut random = [0; GENPASS_BITS_MAX as usize / 8];
    // The system's generator fails only where there is none at all.
    SystemRandom::new()
        .fill(&mut random)
        .expect("the system has randomness");
    let digit = |at: usize| b"0123456789abcdef"[usize::from(random[at / 2] >> (at % 2 * 4) & 15)];
    let text: Vec<u8> = (0..digits).map(digit).collect();
    reply.bulk(&text);
    DONE
}
