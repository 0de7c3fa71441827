// SPDX-License-Identifier: GPL-2.0

//! The generic netlink family: requests, of which the kernel has checked who sent them, and that
//! they have the attributes that `netlink_gen.c` lists; replies; and events, for who listens.
//!
//! C header: [`include/net/genetlink.h`](srctree/include/net/genetlink.h)

use super::bindings;
use core::{
    ffi::{c_void, CStr},
    fmt::{self, Write},
    ops::{Deref, DerefMut},
    ptr::NonNull,
};
use kernel::{
    error::to_result,
    ffi::{c_char, c_int},
    prelude::*,
    sync::Arc,
    types::Opaque,
};

/// How long the text of an error can be, in bytes, without the NUL behind it
/// (`NETLINK_MAX_FMTMSG_LEN`).
pub(crate) const ERROR_MAX: usize = 79;

/// How long a `string` can be, in bytes, without the NUL behind it.
pub(crate) const STRING_MAX: usize = 512;

/// How many bytes an attribute with a value of `len` bytes takes in a message (`nla_total_size()`).
pub(crate) const fn attribute_size(len: usize) -> usize {
    align(len.saturating_add(HEADER))
}

const HEADER: usize = 4;

const fn align(len: usize) -> usize {
    len.saturating_add(HEADER - 1) & !(HEADER - 1)
}

/// What answers requests. Process context; may sleep; several may be answered at the same time.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Carries out a request.
    ///
    /// # Errors
    ///
    /// Any; [`Request::set_error`] adds words to it.
    fn handle<'a>(&self, request: &'a Request) -> Result<Reply<'a>>;
}

/// The family is there; dropping this waits for requests under way, and removes it.
///
/// # Invariants
///
/// The family is registered, and requests are handed to `_handler`.
pub(crate) struct Registration<H: Handler> {
    _handler: Arc<H>,
}

impl<H: Handler> Registration<H> {
    /// Registers the family. Process context, once, while the module is initialised.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EEXIST` if there is one of that name.
    pub(crate) fn new(handler: Arc<H>) -> Result<Self> {
        let data = Arc::as_ptr(&handler).cast_mut().cast::<c_void>();
        // SAFETY: `data` is a valid `H`, and outlives the registration: the type's drop ends it first.
        to_result(unsafe { bindings::hf_genl_register(Some(handle::<H>), data) })?;
        // INVARIANT: It was just registered.
        Ok(Self { _handler: handler })
    }
}

impl<H: Handler> Drop for Registration<H> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_genl_unregister() }
    }
}

/// A request, while it is carried out.
#[repr(transparent)]
pub(crate) struct Request(Opaque<bindings::genl_info>);

impl Request {
    /// Which operation it is.
    pub(crate) fn command(&self) -> u32 {
        // SAFETY: A request is valid.
        u32::from(unsafe { bindings::hf_genl_command(self.0.get()) })
    }

    /// Its attributes, in order.
    pub(crate) fn attributes(&self) -> Attributes<'_> {
        let mut len = 0;
        // SAFETY: A request is valid; `len` is valid for a write.
        let bytes = unsafe { bindings::hf_genl_attributes(self.0.get(), &mut len) };
        // SAFETY: The function returns so many bytes of the message, which does not change, and lives
        // as long as the request.
        Attributes(unsafe { core::slice::from_raw_parts(bytes.cast::<u8>(), len) })
    }

    /// Says why it is refused: `text`, of which [`ERROR_MAX`] bytes are kept, or, in kernels that
    /// can't keep it (before Linux 6.2), `constant`.
    pub(crate) fn set_error(&self, text: fmt::Arguments<'_>, constant: &'static CStr) {
        let text = Text::<{ ERROR_MAX + 1 }>::of(text);
        // SAFETY: A request is valid; both strings end with a NUL, the second is static.
        unsafe {
            bindings::hf_genl_set_error(
                self.0.get(),
                text.bytes.as_ptr().cast::<c_char>(),
                constant.as_char_ptr(),
            )
        }
    }

    /// A reply with room for attributes of `len` bytes, as [`attribute_size`] counts them.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn reply(&self, len: usize) -> Result<Reply<'_>> {
        // SAFETY: A request is valid.
        let skb = unsafe { bindings::hf_genl_reply_new(self.0.get(), len) };
        // INVARIANT: The function returns a new message or NULL.
        let message = Message(NonNull::new(skb).ok_or(ENOMEM)?);
        Ok(Reply {
            message,
            request: self,
        })
    }
}

/// Text of at most `N - 1` bytes, with a NUL behind it.
struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    /// The text as far as there is room for it.
    fn of(text: fmt::Arguments<'_>) -> Self {
        let mut written = Self {
            bytes: [0; N],
            len: 0,
        };
        // It fails where the rest is cut off.
        let _ = written.write_fmt(text);
        written
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..N - 1).ok_or(fmt::Error)?;
        for (to, from) in room.iter_mut().zip(s.bytes()) {
            *to = from;
        }
        self.len = self.len.saturating_add(s.len());
        Ok(())
    }
}

/// Attributes, of a message or of a nest; they end where they are not in order.
pub(crate) struct Attributes<'a>(&'a [u8]);

/// An attribute.
pub(crate) struct Attribute<'a> {
    /// Its type, which says what it is.
    pub(crate) ty: u32,
    /// Its value.
    pub(crate) value: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let &[len_0, len_1, ty_0, ty_1] = self.0.first_chunk::<HEADER>()?;
        let len = usize::from(u16::from_ne_bytes([len_0, len_1]));
        let ty = u16::from_ne_bytes([ty_0, ty_1]) & bindings::HF_NLA_TYPE_MASK;
        let value = self.0.get(HEADER..len)?;
        self.0 = self.0.get(align(len)..).unwrap_or_default();
        Some(Attribute {
            ty: u32::from(ty),
            value,
        })
    }
}

impl<'a> Attribute<'a> {
    /// Its value, of a type such as `[u8; 4]`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is of another length.
    pub(crate) fn bytes<T: TryFrom<&'a [u8]>>(&self) -> Result<T> {
        T::try_from(self.value).map_err(|_| EINVAL)
    }

    /// Its value, as a string without the NUL that may be behind it.
    pub(crate) fn string(&self) -> &'a [u8] {
        self.value.strip_suffix(b"\0").unwrap_or(self.value)
    }
}

/// A message that is being made.
///
/// # Invariants
///
/// It is of `hf_genl_reply_new()` or `hf_genl_event_new()`, and nobody else has it.
pub(crate) struct Message(NonNull<bindings::sk_buff>);

impl Message {
    /// Appends an attribute.
    ///
    /// # Errors
    ///
    /// `EMSGSIZE`, if there is no room, or the value is longer than an attribute can be.
    pub(crate) fn put(&mut self, ty: u32, value: &[u8]) -> Result {
        if value.len() > usize::from(u16::MAX) - HEADER {
            return Err(EMSGSIZE);
        }
        // SAFETY: By the type invariant; the value is valid for reads of its length.
        to_result(unsafe {
            bindings::nla_put(
                self.0.as_ptr(),
                ty as c_int,
                value.len() as c_int,
                value.as_ptr().cast::<c_void>(),
            )
        })
    }

    /// Appends a `u32`. Errors are as of [`Self::put`].
    pub(crate) fn put_u32(&mut self, ty: u32, value: u32) -> Result {
        self.put(ty, &value.to_ne_bytes())
    }

    /// Appends a `uint`, which is a `u32` or a `u64`. Errors are as of [`Self::put`].
    pub(crate) fn put_uint(&mut self, ty: u32, value: u64) -> Result {
        match u32::try_from(value) {
            Ok(value) => self.put_u32(ty, value),
            Err(_) => self.put(ty, &value.to_ne_bytes()),
        }
    }

    /// Appends a `flag`, if it is set. Errors are as of [`Self::put`].
    pub(crate) fn put_flag(&mut self, ty: u32, value: bool) -> Result {
        if value {
            self.put(ty, &[])?;
        }
        Ok(())
    }

    /// Appends a `string` of at most [`STRING_MAX`] bytes; what is longer is cut. Errors are as of
    /// [`Self::put`].
    pub(crate) fn put_string(&mut self, ty: u32, text: fmt::Arguments<'_>) -> Result {
        let text = Text::<{ STRING_MAX + 1 }>::of(text);
        let len = text.len.saturating_add(1);
        self.put(ty, text.bytes.get(..len).unwrap_or(&text.bytes))
    }

    /// Appends the attributes that `fill` appends as one. Errors are as of [`Self::put`], and those
    /// of `fill`.
    pub(crate) fn nest(&mut self, ty: u32, fill: impl FnOnce(&mut Self) -> Result) -> Result {
        // SAFETY: By the type invariant.
        let nest = unsafe { bindings::hf_genl_nest_start(self.0.as_ptr(), ty as c_int) };
        if nest.is_null() {
            return Err(EMSGSIZE);
        }
        fill(self)?;
        // SAFETY: By the type invariant; the nest was begun in this message, whose memory stays where
        // it is.
        unsafe { bindings::hf_genl_nest_end(self.0.as_ptr(), nest) };
        Ok(())
    }

    /// The same for a function that frees it.
    fn into_raw(self) -> *mut bindings::sk_buff {
        let message = self.0.as_ptr();
        core::mem::forget(self);
        message
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::hf_genl_message_free(self.0.as_ptr()) }
    }
}

/// A reply that is being made.
pub(crate) struct Reply<'a> {
    message: Message,
    request: &'a Request,
}

impl Reply<'_> {
    /// Sends it.
    fn send(self) -> c_int {
        let Self { message, request } = self;
        // SAFETY: By the message's type invariant; the function frees it. The request is valid.
        unsafe { bindings::hf_genl_reply_send(message.into_raw(), request.0.get()) }
    }
}

impl Deref for Reply<'_> {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl DerefMut for Reply<'_> {
    fn deref_mut(&mut self) -> &mut Message {
        &mut self.message
    }
}

/// An event that is being made.
pub(crate) struct Event(Message);

impl Event {
    /// Whether somebody listens, in any namespace. Any context; costs a few loads.
    #[inline]
    pub(crate) fn has_listeners() -> bool {
        // SAFETY: An FFI call without requirements.
        unsafe { bindings::hf_genl_has_listeners() }
    }

    /// One with room for attributes of `len` bytes, as [`attribute_size`] counts them. Process
    /// context; may sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(len: usize) -> Result<Self> {
        // SAFETY: An FFI call without requirements but the context.
        let skb = unsafe { bindings::hf_genl_event_new(len) };
        // INVARIANT: The function returns a new message or NULL.
        Ok(Self(Message(NonNull::new(skb).ok_or(ENOMEM)?)))
    }

    /// Its message, to append to.
    pub(crate) fn message(&mut self) -> &mut Message {
        &mut self.0
    }

    /// Sends it to who listens in the namespace with this cookie. The family must be registered.
    /// Process context; may sleep.
    pub(crate) fn send(self, netns_cookie: u64) {
        // SAFETY: By the message's type invariant; the function frees it.
        unsafe { bindings::hf_genl_event_send(self.0.into_raw(), netns_cookie) }
    }
}

/// Carries out a request: the family's `hf_genl_handle`.
///
/// # Safety
///
/// `data` must be a valid `H` that is not changed but through shared references while this runs, and
/// `info` must be valid for as long.
unsafe extern "C" fn handle<H: Handler>(
    data: *mut c_void,
    info: *mut bindings::genl_info,
) -> c_int {
    // SAFETY: By this function's requirements `data` is a valid `H`.
    let handler = unsafe { &*data.cast::<H>() };
    // SAFETY: By this function's requirements, and `repr(transparent)`.
    let request = unsafe { &*info.cast::<Request>() };
    match handler.handle(request) {
        Ok(reply) => reply.send(),
        Err(e) => e.to_errno(),
    }
}
