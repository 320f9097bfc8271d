//go:build unix

package cli

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// What signals do, at which second: each is written as "TERM@2.5".
func TestSignals(t *testing.T) {
	t.Parallel()
	names := map[string]os.Signal{
		"TERM": syscall.SIGTERM, "INT": os.Interrupt, "HUP": syscall.SIGHUP, "USR1": syscall.SIGUSR1,
	}
	for name, tc := range map[string]struct {
		signals string
		want    string // what follows, and when
	}{
		"none":                            {"", ""},
		"one":                             {"TERM@1s", "stop@1s"},
		"two within 50 ms":                {"TERM@1s TERM@1.05s", "stop@1s"},
		"one of each kind":                {"TERM@1s HUP@1.1s INT@1.2s", "stop@1s"},
		"many within two seconds":         {"TERM@1s TERM@1.5s TERM@2s TERM@2.5s TERM@2.9s", "stop@1s"},
		"a second one later":              {"TERM@1s TERM@3s", "stop@1s hurry@3s exit@9s"},
		"pairs":                           {"TERM@1s TERM@1.05s TERM@5s TERM@5.05s", "stop@1s hurry@5s exit@11s"},
		"a third one":                     {"INT@1s INT@4s INT@6s", "stop@1s hurry@4s exit@6s"},
		"a closed terminal":               {"HUP@1s", "stop@1s"},
		"fetch no more":                   {"USR1@1s", "quiet@1s"},
		"fetch no more, twice, and stop":  {"USR1@1s USR1@5s TERM@7s", "quiet@1s stop@7s"},
		"fetch no more while it is ended": {"TERM@1s USR1@1.5s TERM@2s", "stop@1s quiet@1.5s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var (
					mu  sync.Mutex
					got []string
				)
				note := func(what string) {
					mu.Lock()
					defer mu.Unlock()
					if len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "exit") { // the process would be gone
						got = append(got, what+"@"+time.Since(begin).String())
					}
				}
				c := &control{
					stop: func() { note("stop") }, quiet: make(chan struct{}), hurry: make(chan struct{}),
					exit: func(int) { note("exit") }, stderr: io.Discard,
				}
				incoming := make(chan os.Signal)
				go c.act(incoming)
				ctx, cancel := context.WithCancel(t.Context())
				for what, happened := range map[string]chan struct{}{"quiet": c.quiet, "hurry": c.hurry} {
					go func() {
						select {
						case <-happened:
							note(what)
						case <-ctx.Done():
						}
					}()
				}
				for text := range strings.FieldsSeq(tc.signals) {
					signal, at, _ := strings.Cut(text, "@")
					after, err := time.ParseDuration(at)
					if err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Until(begin.Add(after)))
					incoming <- names[signal]
					synctest.Wait()
				}
				time.Sleep(time.Minute)
				close(incoming)
				cancel()
				synctest.Wait()
				if want := strings.Fields(tc.want); !slices.Equal(got, want) {
					t.Errorf("got  %v\nwant %v", got, want)
				}
			})
		})
	}
}

// hasty is a worker that notes what it is told.
type hasty struct{ told []string }

func (h *hasty) StopFetching() { h.told = append(h.told, "stop fetching") }
func (h *hasty) StopNow()      { h.told = append(h.told, "stop now") }

func TestWorkersObey(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		send func(c *control)
		want string
	}{
		"nothing": {func(*control) {}, ""},
		"quiet":   {func(c *control) { close(c.quiet) }, "stop fetching"},
		"now":     {func(c *control) { close(c.hurry) }, "stop now"},
		"both":    {func(c *control) { close(c.quiet); synctest.Wait(); close(c.hurry) }, "stop fetching, stop now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &control{quiet: make(chan struct{}), hurry: make(chan struct{})}
				h := &hasty{}
				release := c.obey(h)
				tc.send(c)
				synctest.Wait()
				release()
				synctest.Wait()
				if got := strings.Join(h.told, ", "); got != tc.want {
					t.Errorf("it was told to %s, want %s", got, tc.want)
				}
			})
		})
	}
}
