package tasks

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxJobID is how many characters the id of a job given with [JobID] can have.
const MaxJobID = 128

// A DelayOption sets one property of a job in Delay and DelayMany.
type DelayOption func(*delaySettings)

type delaySettings struct {
	id        string
	countdown time.Duration
	// later tells how the time of the job was given: "Countdown" or "At".
	later string
	err   error
}

func (s *delaySettings) wait(by string, d time.Duration) {
	if s.later != "" && s.later != by {
		s.err = fmt.Errorf("%s and %s are both given: a job has one time", s.later, by)
	}
	s.later, s.countdown = by, d
}

// Countdown keeps the job from running before d has passed, at most [MaxCountdown]. SQS counts in whole seconds;
// fractions are rounded up, so that a job is never early.
func Countdown(d time.Duration) DelayOption {
	return func(s *delaySettings) {
		switch {
		case d < 0:
			s.err = fmt.Errorf("countdown %v is negative: %w", d, ErrInvalidCountdown)
		case d > MaxCountdown:
			s.err = fmt.Errorf("countdown %v is longer than the limit of %v (365 days): %w", d, MaxCountdown, ErrInvalidCountdown)
		default:
			s.wait("Countdown", d)
		}
	}
}

// At keeps the job from running before t, which is at most [MaxCountdown] away; a time in the past means now. It can't
// be combined with [Countdown].
func At(t time.Time) DelayOption {
	return func(s *delaySettings) {
		d := max(time.Until(t), 0)
		if d > MaxCountdown {
			s.err = fmt.Errorf("%s is further away than the limit of %v (365 days): %w", t.Format(time.RFC3339), MaxCountdown, ErrInvalidCountdown)
			return
		}
		s.wait("At", d)
	}
}

// JobID gives the job an id of the caller's own, 1 to [MaxJobID] visible ASCII characters, instead of a new one: to
// send a job again whose fate is not known, or to name one after what it is about. "." and ".." are refused: in an
// address they name a directory, however they are escaped, so that browsers and proxies would not find the job.
//
// Two jobs of one id are two deliveries of the same job. With a results store a worker skips the second when the first
// has succeeded or was cancelled, and dead-letters it too when the first is dead; so an id can't be used for new work
// while its record is kept. While the first runs the second waits, for up to an hour. While the first waits nothing holds
// the second back: whichever comes later finds what the other left. Without a store nothing remembers ids, and both run. DelayMany
// takes an id for a single element only.
func JobID(id string) DelayOption {
	return func(s *delaySettings) {
		invisible := func(r rune) bool { return r <= ' ' || r > '~' }
		if id == "" || id == "." || id == ".." || len(id) > MaxJobID || strings.ContainsFunc(id, invisible) {
			s.err = fmt.Errorf("job id %.140q: %w", id, ErrInvalidJobID)
			return
		}
		s.id = id
	}
}

// delaySettingsOf applies the options of a call that enqueues n jobs.
func delaySettingsOf(opts []DelayOption, n int) (delaySettings, error) {
	var s delaySettings
	var problems []error
	for _, opt := range opts {
		s.err = nil
		opt(&s)
		problems = append(problems, s.err)
	}
	if s.id != "" && n > 1 {
		problems = append(problems, fmt.Errorf("job id %q is given for %d jobs: %w", s.id, n, ErrInvalidJobID))
	}
	return s, errors.Join(problems...)
}
