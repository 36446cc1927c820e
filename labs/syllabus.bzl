"""The syllabus: the labs in the order in which they are taught."""

# (lab, the question that it answers). The lab is the folder labs/<lab> and the
# target //labs:<lab>.
LESSONS = [
    ("isolation", "What does a process see of what another one does to memory?"),
    ("pipes", "How does a receiver learn that no more will come?"),
    ("pipe_limits", "What may be sent before somebody receives it?"),
    ("queues", "How does a consumer know that all its producers have ended?"),
    ("bounded_queue", "What happens to an item for which there is no room?"),
    ("shared_values", "When is a number in shared memory the number it should be?"),
    ("shared_memory", "How does one read what another process may be writing?"),
    ("manager", "How do processes share what does not fit into a few bytes of memory?"),
    ("managed_types", "Which objects can a manager have, and what is inside of them?"),
    ("counter_without_lock", "How can an update be lost although nothing fails?"),
    ("counter_with_lock", "What does a lock promise, to whom, and for how long?"),
    ("rlock", "May a function lock what its caller has locked already?"),
    ("semaphore", "How can there be at most so many of them at a time?"),
    ("event", "How does one process tell many that something has happened?"),
    ("condition", "How does a process wait until data are as it needs them?"),
    ("barrier", "Who may go on, and when, if all have to meet first?"),
    ("connection", "How does one process serve many clients?"),
    ("file_ipc", "How do two processes exchange data through files?"),
    ("config_watcher", "How does a process learn that a file has changed?"),
    ("task_distribution", "Who does the task of a worker that has died?"),
    ("status_monitor", "How does one keep watch over others that may never answer?"),
    ("chat", "Who gets a message, and in which order?"),
    ("batching", "What does a message cost besides its bytes?"),
    ("serialization", "What does it cost to make bytes of data, and what if nobody does?"),
    ("lock_granularity", "How much should one lock guard?"),
    ("pool_reuse", "What is saved by using the same processes again?"),
    ("debugging", "What do several processes do, and which one is to blame?"),
    ("resource_leaks", "What is left when its owner is gone, and who clears it away?"),
    ("deadlock", "How do processes come to wait for each other for ever?"),
    ("startup_overhead", "What does it cost to start a process, and what is one paying for?"),
    ("threads_or_processes", "When is a thread enough, and when must it be a process?"),
    ("pool_chunking", "How much work should a worker get at once?"),
    ("custom_protocol", "What must a message carry, so that both sides still agree when something fails?"),
    ("supervisor", "Who notices that a process has failed, and restarts it?"),
    ("actors", "How do processes work together that share nothing, not even failures?"),
    ("streams", "What keeps a pipeline whole when a stage is slow, or dies?"),
]

LABS = [lab for lab, _ in LESSONS]
