//! `bit`: operations on 32 bits, as of LuaJIT's BitOp.

use super::exchange::{self, Answer, argument_error};
use mlua::{Lua, MultiValue, Table, Value};

/// 2^52 + 2^51: added to a number, it leaves the number's low bits in the double's.
const BIAS: f64 = 6_755_399_441_055_744.0;

/// A number as 32 bits: rounded, and cut to its low bits.
fn bits(number: f64) -> i32 {
    (number + BIAS).to_bits() as u32 as i32
}

/// A function of one number.
type Single = fn(i32) -> i32;
/// A function of one or more numbers.
type Fold = fn(i32, i32) -> i32;

/// The library's functions.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let singles: [(&'static str, Single); 3] = [
        ("tobit", |x| x),
        ("bnot", |x| !x),
        ("bswap", i32::swap_bytes),
    ];
    for (name, apply) in singles {
        let function = move |lua: &Lua, args: MultiValue| match operand(lua, &args, 0) {
            Ok(number) => whole(apply(number)),
            Err(why) => argument_error(lua, 1, name, &why),
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
    let folds: [(&'static str, Fold); 3] = [
        ("band", |a, b| a & b),
        ("bor", |a, b| a | b),
        ("bxor", |a, b| a ^ b),
    ];
    for (name, apply) in folds {
        let function = move |lua: &Lua, args: MultiValue| {
            let mut result = None;
            for index in 0..args.len().max(1) {
                match operand(lua, &args, index) {
                    Ok(number) => result = Some(result.map_or(number, |it| apply(it, number))),
                    Err(why) => return argument_error(lua, index + 1, name, &why),
                }
            }
            whole(result.unwrap_or(0))
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
    let shifts: [(&'static str, Fold); 5] = [
        ("lshift", |x, by| x.wrapping_shl(by as u32)),
        ("rshift", |x, by| (x as u32).wrapping_shr(by as u32) as i32),
        ("arshift", |x, by| x.wrapping_shr(by as u32)),
        ("rol", |x, by| x.rotate_left(by as u32 & 31)),
        ("ror", |x, by| x.rotate_right(by as u32 & 31)),
    ];
    for (name, apply) in shifts {
        let function = move |lua: &Lua, args: MultiValue| {
            let number = match operand(lua, &args, 0) {
                Ok(number) => number,
                Err(why) => return argument_error(lua, 1, name, &why),
            };
            match operand(lua, &args, 1) {
                Ok(by) => whole(apply(number, by & 31)),
                Err(why) => argument_error(lua, 2, name, &why),
            }
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
    table.raw_set("tohex", lua.create_function(tohex)?)?;
    Ok(table)
}

fn operand(lua: &Lua, args: &MultiValue, index: usize) -> Result<i32, String> {
    exchange::number(lua, args.get(index)).map(bits)
}

fn whole(number: i32) -> Answer {
    Ok((Value::Number(number.into()), Value::Nil))
}

fn tohex(lua: &Lua, args: MultiValue) -> Answer {
    let number = match operand(lua, &args, 0) {
        Ok(number) => number,
        Err(why) => return argument_error(lua, 1, "tohex", &why),
    };
    let digits = match args.get(1) {
        None => 8,
        Some(_) => match operand(lua, &args, 1) {
            Ok(digits) => digits,
            Err(why) => return argument_error(lua, 2, "tohex", &why),
        },
    };
    let text = format!("{number:08x}");
    let kept = digits.unsigned_abs().min(8) as usize;
    let mut text = text[8 - kept..].to_owned();
    if digits < 0 {
        text.make_ascii_uppercase();
    }
    exchange::answer(lua, Ok(text.into_bytes()))
}
