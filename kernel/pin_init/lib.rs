// SPDX-License-Identifier: GPL-2.0

//! Initialisation in place: the part of the kernel's `pin_init` crate that this module uses
//! (`rust/pin-init/src/lib.rs`).

#![allow(clippy::missing_safety_doc)]

use core::{convert::Infallible, marker::PhantomData, ptr};

/// Initialises a value where it will stay: it may be pinned from then on.
///
/// # Safety
///
/// If [`Self::__pinned_init`] returns `Ok`, the slot is initialised; if an error, it is not, and
/// nothing of it is left to drop.
#[must_use = "an initialiser does nothing unless it is used"]
pub unsafe trait PinInit<T: ?Sized, E = Infallible>: Sized {
    /// Initialises `slot`.
    ///
    /// # Safety
    ///
    /// `slot` must be valid for writes, and does not move if this returns `Ok`.
    unsafe fn __pinned_init(self, slot: *mut T) -> Result<(), E>;
}

/// Initialises a value in place that may be moved afterwards.
///
/// # Safety
///
/// As of [`PinInit`]; [`Self::__init`] does the same as [`PinInit::__pinned_init`].
#[must_use = "an initialiser does nothing unless it is used"]
pub unsafe trait Init<T: ?Sized, E = Infallible>: PinInit<T, E> {
    /// Initialises `slot`.
    ///
    /// # Safety
    ///
    /// `slot` must be valid for writes.
    unsafe fn __init(self, slot: *mut T) -> Result<(), E>;
}

// SAFETY: The whole slot is written.
unsafe impl<T, E> PinInit<T, E> for T {
    unsafe fn __pinned_init(self, slot: *mut T) -> Result<(), E> {
        // SAFETY: By this function's requirements.
        unsafe { slot.write(self) };
        Ok(())
    }
}

// SAFETY: As above.
unsafe impl<T, E> Init<T, E> for T {
    unsafe fn __init(self, slot: *mut T) -> Result<(), E> {
        // SAFETY: By this function's requirements.
        unsafe { slot.write(self) };
        Ok(())
    }
}

/// An initialiser that is a closure. One of this type need not be an [`Init`].
struct Closure<F, T: ?Sized, E, const MOVABLE: bool>(F, PhantomData<fn(*mut T) -> E>);

// SAFETY: By the requirements of the functions that make it.
unsafe impl<F, T: ?Sized, E, const MOVABLE: bool> PinInit<T, E> for Closure<F, T, E, MOVABLE>
where
    F: FnOnce(*mut T) -> Result<(), E>,
{
    unsafe fn __pinned_init(self, slot: *mut T) -> Result<(), E> {
        (self.0)(slot)
    }
}

// SAFETY: As above.
unsafe impl<F, T: ?Sized, E> Init<T, E> for Closure<F, T, E, true>
where
    F: FnOnce(*mut T) -> Result<(), E>,
{
    unsafe fn __init(self, slot: *mut T) -> Result<(), E> {
        (self.0)(slot)
    }
}

/// Makes a [`PinInit`] of a closure.
///
/// # Safety
///
/// The closure must do what [`PinInit`] requires.
pub const unsafe fn pin_init_from_closure<T: ?Sized, E>(
    init: impl FnOnce(*mut T) -> Result<(), E>,
) -> impl PinInit<T, E> {
    Closure::<_, T, E, false>(init, PhantomData)
}

/// Makes an [`Init`] of a closure.
///
/// # Safety
///
/// The closure must do what [`Init`] requires.
pub const unsafe fn init_from_closure<T: ?Sized, E>(
    init: impl FnOnce(*mut T) -> Result<(), E>,
) -> impl Init<T, E> {
    Closure::<_, T, E, true>(init, PhantomData)
}

/// The initialised elements of an array, dropped if a later one can't be initialised.
struct Initialised<T> {
    array: *mut T,
    len: usize,
}

impl<T> Drop for Initialised<T> {
    fn drop(&mut self) {
        // SAFETY: These elements are initialised, and nobody else uses them.
        unsafe { ptr::slice_from_raw_parts_mut(self.array, self.len).drop_in_place() };
    }
}

/// Initialises each element of an array with `init`.
///
/// # Safety
///
/// `slot` must be valid for writes, and `init` initialise the pointer that it is given, or return an
/// error.
unsafe fn init_array<T, E, const N: usize>(
    slot: *mut [T; N],
    mut init: impl FnMut(usize, *mut T) -> Result<(), E>,
) -> Result<(), E> {
    let mut initialised = Initialised {
        array: slot.cast::<T>(),
        len: 0,
    };
    for index in 0..N {
        // SAFETY: `index` is within the array.
        init(index, unsafe { initialised.array.add(index) })?;
        initialised.len = index + 1;
    }
    core::mem::forget(initialised);
    Ok(())
}

/// Initialises an array in place, each element by what `make` returns for its index.
pub fn init_array_from_fn<I, const N: usize, T, E>(
    mut make: impl FnMut(usize) -> I,
) -> impl Init<[T; N], E>
where
    I: Init<T, E>,
{
    let init = move |slot: *mut [T; N]| {
        // SAFETY: The slot is valid for writes, and so are its elements.
        unsafe { init_array(slot, |index, element| make(index).__init(element)) }
    };
    // SAFETY: All elements are initialised, or none is left.
    unsafe { init_from_closure(init) }
}

/// The same for elements that are pinned.
pub fn pin_init_array_from_fn<I, const N: usize, T, E>(
    mut make: impl FnMut(usize) -> I,
) -> impl PinInit<[T; N], E>
where
    I: PinInit<T, E>,
{
    let init = move |slot: *mut [T; N]| {
        // SAFETY: The slot is valid for writes, and so are its elements, which do not move.
        unsafe { init_array(slot, |index, element| make(index).__pinned_init(element)) }
    };
    // SAFETY: All elements are initialised, or none is left.
    unsafe { pin_init_from_closure(init) }
}

/// Makes an [`Init`] of a struct: `init!(Self { field: value, field <- initialiser })`, in which no
/// initialiser can fail.
#[macro_export]
macro_rules! init {
    (Self { $($fields:tt)* }) => {{
        let init = move |slot: *mut Self| {
            $crate::__init_fields!(slot; $($fields)*);
            #[allow(unreachable_code, clippy::diverging_sub_expression)]
            if false {
                // Fails to compile unless each field is there, once.
                let _ = |value: &mut Self| *value = $crate::__init_check!({} $($fields)*);
            }
            ::core::result::Result::<(), ::core::convert::Infallible>::Ok(())
        };
        // SAFETY: Each field is initialised; that none is missing is checked above.
        unsafe { $crate::init_from_closure::<Self, ::core::convert::Infallible>(init) }
    }};
}

/// Initialises the fields of a struct, one after the other.
#[doc(hidden)]
#[macro_export]
macro_rules! __init_fields {
    ($slot:ident; $(,)?) => {};
    ($slot:ident; $field:ident : $value:expr $(, $($rest:tt)*)?) => {
        let value = $value;
        // SAFETY: The slot is valid for writes.
        unsafe { (&raw mut (*$slot).$field).write(value) };
        $crate::__init_fields!($slot; $($($rest)*)?);
    };
    ($slot:ident; $field:ident <- $init:expr $(, $($rest:tt)*)?) => {
        let init = $init;
        // SAFETY: The slot is valid for writes.
        match unsafe { $crate::Init::__init(init, &raw mut (*$slot).$field) } {
            ::core::result::Result::Ok(()) => {}
            ::core::result::Result::Err(never) => {
                let never: ::core::convert::Infallible = never;
                match never {}
            }
        }
        $crate::__init_fields!($slot; $($($rest)*)?);
    };
}

/// A struct expression of the same fields, which is never evaluated.
#[doc(hidden)]
#[macro_export]
macro_rules! __init_check {
    ({ $($field:ident)* } $(,)?) => { Self { $($field: unreachable!()),* } };
    ({ $($field:ident)* } $name:ident : $value:expr $(, $($rest:tt)*)?) => {
        $crate::__init_check!({ $($field)* $name } $($($rest)*)?)
    };
    ({ $($field:ident)* } $name:ident <- $init:expr $(, $($rest:tt)*)?) => {
        $crate::__init_check!({ $($field)* $name } $($($rest)*)?)
    };
}
