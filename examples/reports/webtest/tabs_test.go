package webtest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// A tab is one window of the browser.
type tab struct {
	*browser
	handle string
}

// tabs opens the page in so many windows, all of which can be seen.
func (b *browser) tabs(url string, n int) []tab {
	b.t.Helper()
	all := make([]tab, n)
	for i := range all {
		var opened struct {
			Handle string `json:"handle"`
		}
		if i == 0 {
			b.get("/window", &opened.Handle)
		} else {
			b.call("/window/new", map[string]string{"type": "window"}, &opened)
		}
		all[i] = tab{b, opened.Handle}
		all[i].here()
		begun := time.Now()
		b.open(url)
		if took := time.Since(begun); took > 5*time.Second {
			b.t.Errorf("window %d waited %v for the page", i+1, took)
		}
	}
	return all
}

// here makes the tab the one that is spoken to.
func (w tab) here() {
	w.t.Helper()
	w.call("/window", map[string]string{"handle": w.handle}, nil)
}

// states are those of the reports in a tab, the newest first.
func (w tab) states() []string {
	w.t.Helper()
	w.here()
	var states []string
	w.read(`return [...document.querySelectorAll(".job")].map(job => job.dataset.state)`, &states)
	return states
}

// shows waits until each tab shows so many reports, each in one of the states.
func shows(t *testing.T, all []tab, n int, wanted ...string) {
	t.Helper()
	for i, w := range all {
		err := eventually(t.Context(), func() error {
			states := w.states()
			if len(states) != n {
				return fmt.Errorf("window %d shows %d reports, want %d", i+1, len(states), n)
			}
			for _, state := range states {
				if !slices.Contains(wanted, state) {
					return fmt.Errorf("window %d shows %v, want %v", i+1, states, wanted)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

var streamsMetric = regexp.MustCompile(`(?m)^core_http_streams (\d+)$`)

// streams is how many event streams the program serves.
func (p *program) streams() (int, error) {
	response, err := http.Get(p.url + "/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	found := streamsMetric.FindSubmatch(body)
	if found == nil {
		return 0, errors.New("there is no metric of streams")
	}
	return strconv.Atoi(string(found[1]))
}

// watched is the most streams that there are while something else is waited for.
func (p *program) watched(do func()) (most int) {
	p.t.Helper()
	done := make(chan struct{})
	counted := make(chan int)
	go func() {
		most := 0
		for {
			select {
			case <-done:
				counted <- most
				return
			case <-time.After(50 * time.Millisecond):
				n, err := p.streams()
				if err != nil {
					p.t.Error(err)
				}
				most = max(most, n)
			}
		}
	}()
	do()
	close(done)
	return <-counted
}

// TestTabs opens the page several times, as people do: the windows together keep no more streams than one, so that none
// waits for a connection, and all show the same reports.
func TestTabs(t *testing.T) {
	t.Parallel()
	b, p := openBrowser(t), startProgram(t)
	var windows []tab
	most := p.watched(func() {
		b.open(p.url)
		for range 5 {
			b.click("#generate")
			b.until("a report", func(c card) bool { return c.State != "" })
			b.until("the button again", func(card) bool {
				var ready bool
				b.read(`return !document.getElementById("generate").disabled`, &ready)
				return ready
			})
		}
		windows = b.tabs(p.url, 4)
		shows(t, windows, 5, "queued", "running", "retrying", "succeeded")
		shows(t, windows, 5, "succeeded")
	})
	if most > 4 || most == 0 {
		t.Errorf("there were %d streams at once, want 1 to 4", most)
	}

	// What is begun in one window is in the others, and what is removed is not.
	windows[2].here()
	b.click("#generate")
	shows(t, windows, 6, "running", "succeeded")
	shows(t, windows, 6, "succeeded")
	windows[1].here()
	b.click(".job .remove")
	shows(t, windows, 5, "succeeded")

	// A window that follows is closed: another does.
	windows[0].here()
	b.click("#generate")
	shows(t, windows, 6, "running", "succeeded")
	windows[0].here()
	b.delete("/window")
	shows(t, windows[1:], 6, "succeeded")
}

// TestHiddenPage keeps no stream while it can't be seen, and shows what has become of the report when it can.
func TestHiddenPage(t *testing.T) {
	t.Parallel()
	b, p := openBrowser(t), startProgram(t)
	b.open(p.url)
	b.click("#generate")
	b.until("a report under way", inTheMiddle)
	b.call("/window/minimize", map[string]string{}, nil)
	err := eventually(t.Context(), func() error {
		n, err := p.streams()
		if err == nil && n != 0 {
			err = fmt.Errorf("there are %d streams of a page that is hidden", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if c := b.card(); c.Connection != "" || !inTheMiddle(c) {
		t.Errorf("hidden, the page shows %+v", c)
	}
	b.call("/window/rect", map[string]int{"width": 900, "height": 1000}, nil)
	b.until("the report again", succeeded)
}
