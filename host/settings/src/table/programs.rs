//! The end of the table: settings of the programs that the host runs, which are agents and libraries.

/// Makes the table of the rows that it is given and those that stand here.
macro_rules! with_programs {
    ($($rows:tt)*) => {
        crate::row::settings! {
            $($rows)*

            /// Idle seconds after a completed turn before an agent process is ended.
            stale_acp_agent_kill_idle_seconds: Seconds as Duration = Duration::from_secs(3_600),
                { key: "stale_acp_agent_kill_idle_seconds", flags: &[Flag::new("stale-acp-agent-kill-idle-seconds", Value)],
                  env: &["STALE_ACP_AGENT_KILL_IDLE_SECONDS"], unit: "seconds", range: Some((1.0, 604_800.0)) }

            /// Whether idle agent processes are left running.
            disable_stale_acp_agent_kills: Bool as bool = false,
                { key: "disable_stale_acp_agent_kills", flags: &[Flag::new("disable-stale-acp-agent-kills", MaybeBool)], env: &["DISABLE_STALE_ACP_AGENT_KILLS"] }

            /// What agents are answered that ask whether they may use a tool. A backend may have its own answer.
            agent_permissions: AgentPermissions as AgentPermissions = AgentPermissions::Allow,
                { key: "agents.permissions" }

            /// How many agent processes may run at the same time, of all backends.
            agents_max: Whole as u64 = 16,
                { key: "agents.processes", unit: "processes", range: Some((1.0, 10_000.0)) }

            /// How many agent processes of one backend may run at the same time. A backend may have its own number.
            agents_of_backend_max: Whole as u64 = 8,
                { key: "agents.processes_per_backend", unit: "processes", range: Some((1.0, 10_000.0)) }

            /// Whether agents may work in directories of the system, such as `/etc`.
            agents_in_system_dirs: Bool as bool = false,
                { key: "agents.allow_system_directories" }

            /// The time that an agent has to start.
            agent_start_timeout: Seconds as Duration = Duration::from_secs(60),
                { key: "timeouts.agent_start", unit: "seconds", range: Some((0.001, DAY_S)) }

            /// How long an agent may be silent in a turn. Some try a provider that refuses them for minutes.
            agent_silence_timeout: Seconds as Duration = Duration::from_secs(600),
                { key: "timeouts.agent_silence", unit: "seconds", range: Some((0.001, DAY_S)) }

            /// How long a turn waits for its agent while another turn has it, or while as many run as may.
            agent_queue_timeout: Seconds as Duration = Duration::from_secs(300),
                { key: "timeouts.agent_queue", unit: "seconds", range: Some((0.001, DAY_S)) }

            /// Where libraries run: `inproc` in the host's process, `child` in supervised processes of their own, `auto` in the
            /// host's process, but in multi-user mode each that did not come with the program in a process of its own.
            plugins_isolation: Isolation as Isolation = Isolation::Auto,
                { key: "plugins.isolation", flags: &[Flag::new("plugin-isolation", Value)], env: &["LIP_PLUGIN_ISOLATION"] }

            /// Whether libraries must be those of the lock file: `require` refuses new and changed ones, `off` knows no lock file,
            /// `auto` adds new ones and refuses changed ones, and in multi-user mode is `require`. Libraries that came with the program are trusted by their place, but with `require`.
            plugins_lock: PluginLock as PluginLock = PluginLock::Auto,
                { key: "plugins.lock", flags: &[Flag::new("plugin-lock", Value)], env: &["LIP_PLUGIN_LOCK"] }

            /// The file with the SHA-256 of every library that is trusted. `lip plugin lock` writes it.
            plugins_lock_file: Opt<OnePath> as Option<&Path> = None,
                { key: "plugins.lock_file", example: "\"plugins.lock\"", default_words: "`lip/plugins.lock` in the user's configuration directory" }

            /// Whether each library needs a signature beside it (`FILE.minisig`) by one of `plugins.trusted_keys`. Libraries that came with the program need none.
            plugins_require_signature: Bool as bool = false,
                { key: "plugins.require_signature" }

            /// The minisign public keys whose signatures count: each the key itself, or the path of a `.pub` file.
            plugins_trusted_keys: Texts as &[String] = Vec::new(),
                { key: "plugins.trusted_keys", example: "[\"acme.pub\"]" }

            /// Whether the folders of libraries are looked at every two seconds, and what changed is loaded while the host runs.
            plugins_watch: Bool as bool = false,
                { key: "plugins.watch", flags: &[Flag::new("plugin-watch", MaybeBool)], env: &["LIP_PLUGIN_WATCH"] }
        }
    };
}
pub(super) use with_programs;
