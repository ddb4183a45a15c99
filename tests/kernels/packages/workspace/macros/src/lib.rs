//! What the kernel has written for it: a test that prints its name, and the names of an enum's variants.
use proc_macro::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{parse_macro_input, Data, DeriveInput, ItemFn};

/// Makes a function a test_case that prints its name before and `[ok]` after it.
#[proc_macro_attribute]
pub fn kernel_test(_: TokenStream, item: TokenStream) -> TokenStream {
    let mut function = parse_macro_input!(item as ItemFn);
    if let Some(argument) = function.sig.inputs.first() {
        return quote_spanned!(argument.span()=> compile_error!("a test takes no argument");)
            .into();
    }
    let (name, block) = (&function.sig.ident, &function.block);
    function.block = syn::parse_quote!({
        ::hal::print(format_args!("{}::{}... ", module_path!(), stringify!(#name)));
        #block
        ::hal::print(format_args!("[ok]\n"));
    });
    quote!(#[test_case] #function).into()
}

/// Gives an enum without fields `NAMES`, and `name`.
#[proc_macro_derive(Names)]
pub fn names(item: TokenStream) -> TokenStream {
    let input = parse_macro_input!(item as DeriveInput);
    let Data::Enum(data) = &input.data else {
        return quote!(compile_error!("Names is for an enum");).into();
    };
    let name = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    quote! {
        impl #name {
            pub const NAMES: &'static [&'static str] = &[#(stringify!(#variants)),*];
            pub fn name(&self) -> &'static str {
                match self { #(#name::#variants => stringify!(#variants)),* }
            }
        }
    }
    .into()
}
