package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"time"
)

const (
	// repeatsWithin is within what time signals to stop count as one: some supervisors send each to the process and to its
	// group, others SIGTERM and SIGHUP.
	repeatsWithin = 2 * time.Second
	// hurryLimit is how long the process lives after the second signal: what a worker takes to give everything back, and
	// what comes after it.
	hurryLimit = 6 * time.Second
)

// A control is how the process's signals reach a long-running command.
type control struct {
	// stop tells it to end cleanly.
	stop context.CancelFunc
	// quiet is closed when it is to fetch no more messages, and hurry when it is to end at once, having given back what it
	// has.
	quiet, hurry chan struct{}
	// exit ends the process.
	exit   func(code int)
	stderr io.Writer
}

// withControl lets the signals of the process reach its commands.
func withControl(c *control) Option { return func(p *program) { p.control = c } }

// heedSignals begins to act on the signals of the process. The context ends with the first that means to stop.
func heedSignals() (context.Context, *control) {
	ctx, stop := context.WithCancel(context.Background())
	c := &control{stop: stop, quiet: make(chan struct{}), hurry: make(chan struct{}), exit: os.Exit, stderr: os.Stderr}
	incoming := make(chan os.Signal, 8)
	signal.Notify(incoming, append(stopSignals(), quietSignals()...)...)
	go c.act(incoming)
	return ctx, c
}

// act acts on the signals: the first stops, the second hurries, the third ends the process where it stands. One that
// comes soon after another repeats it.
func (c *control) act(incoming <-chan os.Signal) {
	quiet := sync.OnceFunc(func() { close(c.quiet) })
	stops, last := 0, time.Time{}
	for s := range incoming {
		if isQuiet(s) {
			quiet()
			continue
		}
		now := time.Now()
		if stops > 0 && now.Sub(last) < repeatsWithin {
			continue
		}
		last = now
		switch stops++; stops {
		case 1:
			c.stop()
		case 2:
			close(c.hurry)
			time.AfterFunc(hurryLimit, func() {
				_, _ = fmt.Fprintf(c.stderr, "core: not at an end %v after the second signal\n", hurryLimit)
				c.exit(exitError)
			})
		default:
			c.exit(exitError)
		}
	}
}

// hurried reports whether the second signal has come.
func (c *control) hurried() bool {
	if c == nil {
		return false
	}
	select {
	case <-c.hurry:
		return true
	default:
		return false
	}
}

func isQuiet(s os.Signal) bool {
	for _, q := range quietSignals() {
		if s == q {
			return true
		}
	}
	return false
}

// A worker is what the signals can make more and less haste.
type worker interface {
	StopFetching()
	StopNow()
}

// obeySignals lets the signals of the process reach a worker until the returned function is called. A worker outlives
// the terminal that it writes to: with nobody to read its log, it still gives back its jobs.
func (p *program) obeySignals(w worker) (release func()) {
	if p.control == nil {
		return func() {}
	}
	restore, letGo := outliveReaders(), p.control.obey(w)
	return func() {
		letGo()
		restore()
	}
}

// obey passes on to a worker what the signals say, until the returned function is called.
func (c *control) obey(w worker) (release func()) {
	ended := make(chan struct{})
	go func() {
		quiet := c.quiet
		for {
			select {
			case <-quiet:
				w.StopFetching()
				quiet = nil // a closed channel would be ready again and again
			case <-c.hurry:
				w.StopNow()
				return
			case <-ended:
				return
			}
		}
	}()
	return func() { close(ended) }
}
