//! Writes each role of the model once more, with a switch at every place where it could be wrong.
//!
//! The names of enums and their variants come from the sources too; [`rewrite`] decides what is changed.

mod names;
mod rewrite;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use quote::quote;
use rewrite::{Place, Rewriter};

const ROLES: &[&str] = &["verifier", "issuer", "identity", "chip", "pos", "terminal"];

fn main() -> Result<(), String> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(|error| error.to_string())?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(|error| error.to_string())?);
    println!("cargo::rerun-if-changed=build");
    let shared = ["names", "refusal"].map(|name| here.join(format!("../../spec/src/{name}.rs")));
    let mut enums = BTreeMap::new();
    for path in &shared {
        names::collect(&parsed(path)?, &mut enums)?;
    }
    for role in ROLES {
        let path = here.join(format!("../../model/src/role/{role}.rs"));
        let file = parsed(&path)?;
        let mut enums = enums.clone();
        names::collect(&file, &mut enums)?;
        let text = written(file, &enums)?;
        fs::write(out.join(format!("{role}.rs")), text).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn parsed(path: &Path) -> Result<syn::File, String> {
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The functions that a step can reach, rewritten, and the table of what can be changed.
fn written(file: syn::File, enums: &BTreeMap<String, Vec<String>>) -> Result<String, String> {
    let imports: Vec<syn::Item> = file
        .items
        .iter()
        .filter(|item| names::is_import(item))
        .cloned()
        .collect();
    let functions = names::reached(&file, "step");
    let mut rewriter = Rewriter::new(enums, names::updates(&functions));
    let functions: Vec<syn::ItemFn> = functions
        .into_iter()
        .map(|function| rewriter.function(function))
        .collect();
    let places = rewriter.places()?;
    let rows = places.iter().map(row);
    let code = quote! { #(#imports)* #(#functions)* pub(super) static MUTANTS: &[crate::mutant::Mutant] = &[#(#rows),*]; };
    Ok(code.to_string())
}

fn row(place: &Place) -> proc_macro2::TokenStream {
    let Place {
        function,
        operator,
        what,
    } = place;
    let operator = quote::format_ident!("{operator}");
    quote! { crate::mutant::Mutant { function: #function, operator: crate::mutant::Operator::#operator, what: #what } }
}
