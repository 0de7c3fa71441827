// SPDX-License-Identifier: GPL-2.0

//! Switching the filter on and off, and its files in `/sys/kernel/http_filter`.

#![forbid(unsafe_code)]

use crate::{
    configuration::Configuration,
    counters::{Counter, Counters},
    filter::Filter,
    kernel_ext::{
        bindings, genetlink,
        netfilter::{Hooks, Scope},
        param::Params,
        pernet, sysfs, time,
    },
    netlink::Operations,
    policy::{self, Policy},
    report,
};
use classifier::Method;
use core::fmt::{self, Write};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{ordering::Relaxed, Atomic},
        Arc, Mutex,
    },
};

/// How many undecided streams are kept unless a parameter says otherwise: a table of 1.3 MB.
/// One is kept for as long as a client takes to send the rest of a line, a round trip or two, so
/// that this is enough for tens of thousands of cut starts in a second.
const MAX_UNDECIDED: usize = 4096;

/// What the module holds while it is loaded. Dropped in this order: first nobody can reach the
/// switch any more, then it is switched off, for good, and then there are no more events to be sent.
pub(crate) struct Control {
    _methods: sysfs::Registration<Methods>,
    _stats: sysfs::Registration<Stats>,
    _settings: sysfs::Registration<Settings>,
    _running: Running,
    _netlink: genetlink::Registration<Operations>,
}

impl Control {
    /// Starts the filter as `params` say. Process context.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a bad parameter, which the kernel log names; what [`Settings::switch`] returns.
    pub(crate) fn new(params: &Params) -> Result<Self> {
        let policy = Policy::new()?;
        if let Some(log) = params.log {
            policy.set_log(policy::parse_bool("log", log)?);
        }
        let scope = params
            .namespaces
            .map_or(Ok(Scope::All), policy::parse_scope)?;
        let enabled = params
            .enabled
            .map_or(Ok(true), |value| policy::parse_bool("enabled", value))?;

        let max_undecided = params
            .max_undecided
            .map_or(Ok(MAX_UNDECIDED), policy::parse_max_undecided)?;

        let filter = Arc::new(Filter::new(policy, max_undecided)?, GFP_KERNEL)?;
        let settings = Arc::new(Settings::new(filter, scope)?, GFP_KERNEL)?;
        if let Some(action) = params.action {
            settings
                .configuration
                .set_action(policy::parse_action(action)?)?;
        }
        if let Some(detect) = params.detect {
            settings
                .configuration
                .set_detect(policy::parse_detect(detect)?)?;
        }
        if let Some(rules) = params.rules {
            settings.set_rules(rules)?;
        }
        let counters = Arc::new(Counters::new(), GFP_KERNEL)?;
        let stats = Stats {
            counters: counters.clone(),
            filter: settings.filter.clone(),
        };
        let stats = Arc::new(stats, GFP_KERNEL)?;
        let methods = Arc::new(Methods(counters.clone()), GFP_KERNEL)?;

        let settings_dir =
            sysfs::Registration::in_kernel(bindings::HTTP_FILTER_MODULE, settings.clone())?;
        let stats_dir = settings_dir.subdirectory(bindings::HTTP_FILTER_STATS, stats)?;
        let methods_dir = stats_dir.subdirectory(bindings::HTTP_FILTER_METHODS, methods)?;
        let operations = Arc::new(Operations(settings.configuration.clone()), GFP_KERNEL)?;
        let netlink = genetlink::Registration::new(operations)?;
        settings.switch(enabled)?;

        report::loaded(enabled, &settings.filter.policy, scope);
        Ok(Self {
            _methods: methods_dir,
            _stats: stats_dir,
            _settings: settings_dir,
            _running: Running { settings, counters },
            _netlink: netlink,
        })
    }
}

/// The filter while it is loaded; dropping it switches it off and says so.
struct Running {
    settings: Arc<Settings>,
    counters: Arc<Counters>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.settings.switch(false);
        report::unloaded(
            self.counters.value(Counter::Blocked),
            self.counters.value(Counter::Monitored),
        );
    }
}

/// `/sys/kernel/http_filter`: the settings, and the switch among them.
struct Settings {
    filter: Arc<Filter>,
    configuration: Arc<Configuration>,
    scope: Scope,
    since: Atomic<i64>,
    /// Switched off means that no hook is registered.
    hooks: Pin<KBox<Mutex<Option<pernet::Registration<Hooks<Filter>>>>>>,
}

impl Settings {
    fn new(filter: Arc<Filter>, scope: Scope) -> Result<Self> {
        Ok(Self {
            configuration: Arc::new(Configuration::new(filter.clone())?, GFP_KERNEL)?,
            filter,
            scope,
            since: Atomic::new(time::real_seconds()),
            hooks: KBox::pin_init(new_mutex!(None, "http_filter_switch"), GFP_KERNEL)?,
        })
    }

    fn set_rules(&self, value: &str) -> Result {
        let replaced = self.configuration.replace_rules(value.as_bytes(), None);
        replaced.map_err(|error| report::refused_rules(&error))?;
        Ok(())
    }

    /// Switches the filter on or off; nothing happens if it is so already.
    ///
    /// # Errors
    ///
    /// On switching on, those of [`Hooks::register`].
    fn switch(&self, on: bool) -> Result {
        let mut hooks = self.hooks.lock();
        if on == hooks.is_some() {
            return Ok(());
        }
        if on {
            *hooks = Some(Hooks::register(self.filter.clone(), self.scope)?);
        } else {
            *hooks = None;
            // No hook is running any more. Streams that it no longer sees can't be tracked.
            self.filter.table.clear();
            self.filter.connections.reset_blackholed();
            self.filter.events.disable();
        }
        self.since.store(time::real_seconds(), Relaxed);
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Setting {
    Enabled,
    Action,
    Rules,
    Detect,
    Log,
    MaxUndecided,
    Namespaces,
    Version,
    Since,
}

impl sysfs::File for Setting {
    fn name(self) -> &'static CStr {
        match self {
            Self::Enabled => bindings::HTTP_FILTER_ENABLED,
            Self::Action => bindings::HTTP_FILTER_ACTION,
            Self::Rules => bindings::HTTP_FILTER_RULES,
            Self::Detect => bindings::HTTP_FILTER_DETECT,
            Self::Log => bindings::HTTP_FILTER_LOG,
            Self::MaxUndecided => bindings::HTTP_FILTER_MAX_UNDECIDED,
            Self::Namespaces => bindings::HTTP_FILTER_NAMESPACES,
            Self::Version => bindings::HTTP_FILTER_VERSION_FILE,
            Self::Since => bindings::HTTP_FILTER_SINCE,
        }
    }

    fn mode(self) -> u16 {
        match self {
            Self::Enabled | Self::Action | Self::Detect | Self::Log => 0o644,
            // They tell whose HTTP passes.
            Self::Rules => 0o600,
            Self::MaxUndecided | Self::Namespaces | Self::Version | Self::Since => 0o444,
        }
    }
}

impl sysfs::Directory for Settings {
    type File = Setting;

    const FILES: &'static [Setting] = &[
        Setting::Enabled,
        Setting::Action,
        Setting::Rules,
        Setting::Detect,
        Setting::Log,
        Setting::MaxUndecided,
        Setting::Namespaces,
        Setting::Version,
        Setting::Since,
    ];

    fn show(&self, file: Setting, page: &mut sysfs::Page<'_>) -> fmt::Result {
        let policy = &self.filter.policy;
        match file {
            Setting::Enabled => write!(page, "{}", u8::from(self.hooks.lock().is_some())),
            Setting::Action => page.write_str(policy.lock().action.name()),
            Setting::Rules => page.write_bytes(policy.lock().rules.text().trim_ascii_end()),
            Setting::Detect => write!(page, "{}", policy.lock().detect),
            Setting::Log => write!(page, "{}", u8::from(policy.log())),
            Setting::MaxUndecided => write!(page, "{}", self.filter.table.capacity()),
            Setting::Namespaces => page.write_str(policy::scope_name(self.scope)),
            Setting::Version => page.write_str(policy::text(bindings::HTTP_FILTER_VERSION)),
            Setting::Since => write!(page, "{}", self.since.load(Relaxed)),
        }
    }

    fn store(&self, file: Setting, value: &str) -> Result {
        let policy = &self.filter.policy;
        match file {
            Setting::Enabled => self.switch(policy::parse_bool("enabled", value)?)?,
            Setting::Action => self
                .configuration
                .set_action(policy::parse_action(value)?)?,
            Setting::Rules => self.set_rules(value)?,
            Setting::Detect => self
                .configuration
                .set_detect(policy::parse_detect(value)?)?,
            Setting::Log => policy.set_log(policy::parse_bool("log", value)?),
            Setting::MaxUndecided | Setting::Namespaces | Setting::Version | Setting::Since => {
                return Err(EACCES)
            }
        }
        Ok(())
    }
}

/// `stats`: the counters, a gauge, and the reset.
struct Stats {
    counters: Arc<Counters>,
    filter: Arc<Filter>,
}

#[derive(Clone, Copy)]
enum Stat {
    Counter(Counter),
    Undecided,
    Reset,
}

impl sysfs::File for Stat {
    fn name(self) -> &'static CStr {
        match self {
            Self::Counter(counter) => counter.name(),
            Self::Undecided => bindings::HTTP_FILTER_STAT_UNDECIDED,
            Self::Reset => bindings::HTTP_FILTER_RESET,
        }
    }

    fn mode(self) -> u16 {
        match self {
            Self::Counter(_) | Self::Undecided => 0o444,
            Self::Reset => 0o200,
        }
    }
}

impl sysfs::Directory for Stats {
    type File = Stat;

    const FILES: &'static [Stat] = &{
        let mut files = [Stat::Reset; Counter::ALL.len() + 2];
        let mut i = 0;
        while i < Counter::ALL.len() {
            files[i] = Stat::Counter(Counter::ALL[i]);
            i += 1;
        }
        files[i] = Stat::Undecided;
        files
    };

    fn show(&self, file: Stat, page: &mut sysfs::Page<'_>) -> fmt::Result {
        match file {
            Stat::Counter(counter) => write!(page, "{}", self.counters.value(counter)),
            Stat::Undecided => write!(page, "{}", self.filter.table.undecided()),
            Stat::Reset => Err(fmt::Error),
        }
    }

    fn store(&self, file: Stat, _value: &str) -> Result {
        match file {
            Stat::Counter(_) | Stat::Undecided => Err(EACCES),
            Stat::Reset => {
                self.counters.reset();
                Ok(())
            }
        }
    }
}

/// `stats/methods`: requests by method.
struct Methods(Arc<Counters>);

impl sysfs::File for Method {
    fn name(self) -> &'static CStr {
        match self {
            Self::Get => c"GET",
            Self::Head => c"HEAD",
            Self::Post => c"POST",
            Self::Put => c"PUT",
            Self::Delete => c"DELETE",
            Self::Connect => c"CONNECT",
            Self::Options => c"OPTIONS",
            Self::Trace => c"TRACE",
            Self::Patch => c"PATCH",
            Self::Other => bindings::HTTP_FILTER_METHOD_OTHER,
        }
    }

    fn mode(self) -> u16 {
        0o444
    }
}

impl sysfs::Directory for Methods {
    type File = Method;

    const FILES: &'static [Method] = &Method::ALL;

    fn show(&self, method: Method, page: &mut sysfs::Page<'_>) -> fmt::Result {
        write!(page, "{}", self.0.method(method))
    }

    fn store(&self, _method: Method, _value: &str) -> Result {
        Err(EACCES)
    }
}
