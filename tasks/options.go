package tasks

import "time"

// Limits of what a task or a job may ask for. Each follows from a quota of SQS ("Amazon SQS message quotas" and
// "Amazon SQS visibility timeout" in the developer guide).
const (
	// DefaultQueue is the queue of a task defined without [Queue].
	DefaultQueue = "default"

	// ReceiveAllowance is how many deliveries beyond 1 + MaxRetries a queue grants before its redrive policy moves a
	// message away: room for crashes, for give-backs at shutdown and for workers that do not know the task yet.
	ReceiveAllowance = 5

	// MaxMaxRetries is the largest MaxRetries: SQS counts at most 1,000 receives, of which one is the first attempt
	// and ReceiveAllowance are kept for crashes.
	MaxMaxRetries = 1000 - 1 - ReceiveAllowance

	// MaxRetryDelay is the longest RetryDelay: a retry waits by its visibility timeout, at most 12 hours.
	MaxRetryDelay = 12 * time.Hour

	// MaxTimeout is the longest Timeout: a message can be held for 12 hours, and the last minute is kept for
	// acknowledging it.
	MaxTimeout = 12*time.Hour - time.Minute

	// MaxPostponement is how long a runtime that can't send a job again hides one that is not due, at a time. A message
	// can be hidden for 12 hours from its receive, of which what came between may have taken some.
	MaxPostponement = 11 * time.Hour

	// MaxCountdown is the longest Countdown. SQS sets no limit here, since a long countdown travels in hops; a year
	// is where a wrong unit is more likely than a plan.
	MaxCountdown = 365 * 24 * time.Hour
)

// An Option sets one property of a task in [Define] or [Periodic]. Values out of range are reported, with the task's name, by
// [Registry.Err] when the program starts.
type Option func(*definition)

// Queue names the queue that the task's jobs wait in. The default is "default".
func Queue(name string) Option {
	return func(d *definition) { d.info.Queue = name }
}

// MaxRetries sets how often a failed job is run again: 0, the default, runs it once; 3 runs it up to four times.
func MaxRetries(n int) Option {
	return func(d *definition) {
		if n < 0 || n > MaxMaxRetries {
			d.refuse("MaxRetries(%d) is out of range: it must be 0 to %d", n, MaxMaxRetries)
			return
		}
		d.info.MaxRetries = n
	}
}

// RetryDelay sets how long a failed job waits before it runs again. The default is 0, the longest is [MaxRetryDelay].
// SQS counts in whole seconds; fractions are rounded up, so that a retry is never early.
func RetryDelay(delay time.Duration) Option {
	return func(d *definition) {
		if delay < 0 || delay > MaxRetryDelay {
			d.refuse("RetryDelay(%v) is out of range: it must be 0 to %v, the longest SQS can hide a message", delay, MaxRetryDelay)
			return
		}
		d.info.RetryDelay = delay
	}
}

// Timeout sets how long one attempt may run. When it is exceeded the task's context is cancelled, with a
// [*TimeoutError] as its cause, and the attempt counts as failed. The default, 0, sets no limit but SQS's own of
// 12 hours; the longest is [MaxTimeout].
func Timeout(limit time.Duration) Option {
	return func(d *definition) {
		if limit < 0 || limit > MaxTimeout {
			d.refuse("Timeout(%v) is out of range: it must be 0 (none) to %v, a minute short of how long SQS can hide a message", limit, MaxTimeout)
			return
		}
		d.info.Timeout = limit
	}
}
