package timetable

import "time"

const (
	minInterval = time.Second
	// maxInterval is where a wrong unit is more likely than a plan.
	maxInterval = 365 * 24 * time.Hour
	// maxOffset is SQS's longest DelaySeconds ("Amazon SQS message quotas").
	maxOffset = 900 * time.Second
)

// Every makes the timetable of an interval of 1 second to 365 days: due at each multiple of d since the Unix epoch, in
// UTC. EventBridge fires once a minute at most, so an interval that is not whole minutes must have a pattern that
// repeats on whole minutes within 15 minutes, the longest delay of an SQS message: 10s, 45s and 90s do. For any other
// the error is an [*IntervalError] with the nearest intervals that work.
func Every(d time.Duration) (*Timetable, error) {
	e := &IntervalError{Interval: d}
	switch {
	case d < minInterval:
		e.Problem = "it is shorter than a second"
	case d > maxInterval:
		e.Problem = "it is longer than 365 days"
	case d%time.Second != 0:
		e.Problem = "it must be whole seconds"
	case !works(d):
		e.Problem = "EventBridge fires on whole minutes, and this interval falls on one only every " + short(pattern(d)) +
			"; the messages between can be delayed by at most 15m"
	default:
		return &Timetable{zone: time.UTC, every: d, pattern: pattern(d)}, nil
	}
	e.Below, e.Above = nearest(d)
	return nil, e
}

// pattern is after how long the multiples of d fall on a whole minute again: their least common multiple.
func pattern(d time.Duration) time.Duration {
	a, b := d, time.Minute
	for b != 0 {
		a, b = b, a%b
	}
	return d / a * time.Minute
}

func works(d time.Duration) bool {
	return d >= minInterval && d <= maxInterval && d%time.Second == 0 && (d%time.Minute == 0 || pattern(d) <= maxOffset)
}

// nearest returns the longest interval below d and the shortest above it that work, or 0 where there is none. Whole
// minutes work, so neither is far.
func nearest(d time.Duration) (below, above time.Duration) {
	start := min(max(d, 0), maxInterval+time.Second)
	for below = start.Truncate(time.Second); below > 0 && (below >= d || !works(below)); {
		below -= time.Second
	}
	for above = start.Truncate(time.Second); above <= maxInterval && (above <= d || !works(above)); {
		above += time.Second
	}
	if above > maxInterval {
		above = 0
	}
	return below, above
}
