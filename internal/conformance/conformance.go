// Package conformance runs one suite of behaviour on several backends. A backend that is known to differ lists where, and
// why; the list can't outlive the difference.
package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"
)

// Patience is how long a test waits for what must happen. It is long because a loaded machine is no error; what must
// happen quickly has its own, shorter bound.
const Patience = 30 * time.Second

// Known is what is known of a backend.
type Known struct {
	// Deviations maps a test's name, such as "PurgeTwice" or "AttributeRanges/DelaySeconds", to the
	// reason why this backend is known to differ there. Such a test runs all the same, and what it
	// finds is logged; when it finds nothing, it fails, so that the list cannot outlive the difference.
	Deviations map[string]string
	// Harmful maps a test's name to the reason why it is not even run: it would break the backend
	// for the tests beside it, take too long, or come out by chance.
	Harmful map[string]string
}

// Test is one test of a suite.
type Test struct {
	Name string
	Run  func(*Case)
}

// Name turns the function .../sqstest.createIsIdempotent into CreateIsIdempotent.
func Name(test any) string {
	name := packagePath.ReplaceAllString(runtime.FuncForPC(reflect.ValueOf(test).Pointer()).Name(), "")
	return strings.ToUpper(name[:1]) + name[1:]
}

var packagePath = regexp.MustCompile(`^.*\.`)

// Run puts a backend through a suite, atOnce tests at a time: where most of them wait for a clock, the number of
// processors (which t.Parallel goes by) would be far too few, and all of them would swamp a small server.
func Run(t *testing.T, known Known, atOnce int, suite []Test) {
	t.Helper()
	r := &run{Known: known, root: t.Name(), unseen: map[string]bool{}}
	for name := range known.Deviations {
		r.unseen[name] = true
	}
	for name := range known.Harmful {
		r.unseen[name] = true
	}

	var running sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, test := range suite {
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r.test(t, test)
		})
	}
	running.Wait()

	if chosen := flag.Lookup("test.run"); chosen != nil && chosen.Value.String() != "" {
		return // some tests were left out on purpose
	}
	for name := range r.unseen {
		t.Errorf("the harness names %s, which is no test of the suite", name)
	}
}

// run is one backend's way through a suite.
type run struct {
	Known
	root string // name of the test that called Run

	mu     sync.Mutex
	unseen map[string]bool // tests that the harness names and that have not run yet
}

// test runs one test, or one case of a test, as a subtest of parent.
func (r *run) test(parent *testing.T, test Test) {
	parent.Run(test.Name, func(t *testing.T) {
		name := strings.TrimPrefix(t.Name(), r.root+"/")
		r.mu.Lock()
		delete(r.unseen, name)
		r.mu.Unlock()
		if reason, harmful := r.Harmful[name]; harmful {
			t.Skip("not run: " + reason)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*Patience)
		t.Cleanup(cancel)
		c := &Case{T: t, Ctx: ctx, run: r, deviation: r.Deviations[name]}
		c.check(test.Run)
	})
}

// Case is one running test. It hides Errorf and Fatalf of testing.T, so that a known deviation is
// noted instead of failing.
type Case struct {
	*testing.T
	// Ctx ends when the test has taken far too long.
	Ctx       context.Context
	run       *run
	deviation string
	noted     []string
}

// In runs one case of a table as a subtest, which a harness may list on its own.
func (c *Case) In(name string, test func(*Case)) { c.run.test(c.T, Test{name, test}) }

// Errorf fails the test, or notes how the backend deviates. Only the test's own goroutine calls it.
func (c *Case) Errorf(format string, args ...any) {
	c.Helper()
	if c.deviation == "" {
		c.T.Errorf(format, args...)
		return
	}
	c.noted = append(c.noted, fmt.Sprintf(format, args...))
}

// deviated ends a test whose deviation has shown itself: neither failed nor skipped, which testing
// has no call for.
type deviated struct{}

// Fatalf is Errorf and ends the test. Only the test's own goroutine calls it.
func (c *Case) Fatalf(format string, args ...any) {
	c.Helper()
	c.Errorf(format, args...)
	if c.deviation == "" {
		c.FailNow()
	}
	panic(deviated{})
}

// check runs the test's function and tells what was noted.
func (c *Case) check(test func(*Case)) {
	c.Helper()
	func() {
		defer func() {
			switch reason := recover().(type) {
			case nil, deviated:
			default:
				panic(reason)
			}
		}()
		test(c)
	}()
	switch {
	case c.deviation == "" || c.Failed() || c.Skipped():
	case len(c.noted) > 0:
		c.Logf("known deviation: %s: %s", c.deviation, strings.Join(c.noted, "; "))
	default:
		c.T.Errorf("finds no deviation, although one is listed (%s): take it off the list", c.deviation)
	}
}

// OK ends the test when a call that must succeed did not.
func (c *Case) OK(err error, doing string) {
	c.Helper()
	if err != nil {
		c.Fatalf("%s: %v", doing, err)
	}
}

// Refused checks that a call failed with one of the codes, in whatever form: the JSON protocol
// says InvalidParameterValueException where the query protocol says InvalidParameterValue.
func (c *Case) Refused(err error, doing string, codes ...string) {
	c.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		c.Errorf("%s: got %v, want an API error %v", doing, err, codes)
		return
	}
	if !CodeIn(api.ErrorCode(), codes) {
		c.Errorf("%s: got %s (%s), want %v", doing, api.ErrorCode(), api.ErrorMessage(), codes)
	}
}

// CodeIn says whether an error code is one of some, in whatever form.
func CodeIn(code string, codes []string) bool {
	plain := strings.TrimSuffix(strings.TrimPrefix(code, "AWS.SimpleQueueService."), "Exception")
	for _, want := range codes {
		if plain == want {
			return true
		}
	}
	return false
}

// WantError checks that err is an E, which is how Go programs tell a service's errors apart.
func WantError[E error](c *Case, err error, doing string) {
	c.Helper()
	var want E
	if !errors.As(err, &want) {
		c.Errorf("%s: got %v (%T), want a %T", doing, err, err, want)
	}
}

// Eventually asks again until done answers true.
func (c *Case) Eventually(what string, done func() bool) {
	c.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience); !done(); <-tick.C {
		if time.Now().After(deadline) {
			c.Fatalf("%s: not within %v", what, Patience)
		}
	}
}
