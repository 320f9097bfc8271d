// Package scalein keeps an ECS task from being stopped by a scale-in while it runs long jobs. Scale-in chooses its tasks
// blindly; one that works for an hour would lose its job to a task that has nothing to do.
package scalein

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coretasks/core/tasks"
)

// AgentVar is the variable that ECS sets to the address of its agent.
const AgentVar = "ECS_AGENT_URI"

const (
	// long is when a job counts as long, and how long the task stays protected after the last one: protection is a
	// request to AWS, and those are limited.
	long = 15 * time.Second
	// expiry is for what asks the agent, "Task scale-in protection endpoint": 1 to 2880 minutes. It is short, so that a
	// process that dies is not protected for long.
	expiry  = 15 * time.Minute
	renewal = expiry / 3
	// retry is how soon the agent is asked again when it failed.
	retry   = 10 * time.Second
	timeout = 5 * time.Second
)

// A Guard protects the ECS task that it runs in. Its Middleware sees the jobs, its Run asks the agent.
type Guard struct {
	url    string
	client *http.Client
	logger *slog.Logger
	change chan struct{} // a job began or ended

	mu    sync.Mutex
	next  int
	since map[int]time.Time // when each job that runs began
	last  time.Time         // when a long job ran last
}

// New returns a guard that asks the agent at that address.
func New(agentURI string, client *http.Client, logger *slog.Logger) *Guard {
	return &Guard{
		url: agentURI + "/task-protection/v1/state", client: client, logger: logger,
		change: make(chan struct{}, 1), since: map[int]time.Time{},
	}
}

// Middleware tells the guard of every job.
func (g *Guard) Middleware(next tasks.Handler) tasks.Handler {
	return func(ctx context.Context) error {
		defer g.ended(g.began())
		return next(ctx)
	}
}

func (g *Guard) began() int {
	g.mu.Lock()
	g.next++
	id := g.next
	g.since[id] = time.Now()
	first := len(g.since) == 1
	g.mu.Unlock()
	if first {
		g.wake()
	}
	return id
}

func (g *Guard) ended(id int) {
	g.mu.Lock()
	if now := time.Now(); now.Sub(g.since[id]) >= long {
		g.last = now
	}
	delete(g.since, id)
	g.mu.Unlock()
}

func (g *Guard) wake() {
	select {
	case g.change <- struct{}{}:
	default:
	}
}

// wanted reports whether the task must be protected at that time, and when this may be different; zero is not before a job begins.
func (g *Guard) wanted(now time.Time) (protect bool, again time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var oldest time.Time
	for _, began := range g.since {
		if oldest.IsZero() || began.Before(oldest) {
			oldest = began
		}
	}
	switch {
	case !oldest.IsZero() && now.Sub(oldest) >= long:
		return true, now.Add(long) // it may have ended by then
	case !g.last.IsZero() && now.Sub(g.last) < long:
		return true, g.last.Add(long)
	case !oldest.IsZero():
		return false, oldest.Add(long)
	}
	return false, time.Time{}
}

// Run keeps the task protected while long jobs run, until ctx ends. Then it lifts the protection.
func (g *Guard) Run(ctx context.Context) {
	var (
		protected bool
		asked     time.Time // when the agent last agreed
		failed    time.Time // when it last did not
	)
	for {
		now := time.Now()
		protect, again := g.wanted(now)
		if protect != protected || protect && now.Sub(asked) >= renewal {
			var err error
			if now.Sub(failed) >= retry {
				err = g.ask(ctx, protect)
				if err == nil {
					protected, asked = protect, now
				} else if failed = now; ctx.Err() == nil {
					g.logger.Warn("ECS's agent did not change the task's protection from scale-in; trying again", "protect", protect, "error", err)
				}
			}
			if protect != protected || err != nil {
				again = failed.Add(retry)
			}
		}
		if !g.sleep(ctx, now, again) {
			break
		}
	}
	if protected {
		if err := g.ask(context.WithoutCancel(ctx), false); err != nil {
			g.logger.Warn("the task's protection from scale-in could not be lifted; it ends by itself", "within", expiry, "error", err)
		}
	}
}

// sleep waits until there may be something to do, and reports false when ctx has ended.
func (g *Guard) sleep(ctx context.Context, now, again time.Time) bool {
	var timer <-chan time.Time
	if !again.IsZero() {
		t := time.NewTimer(again.Sub(now))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-g.change:
	case <-timer:
	}
	return ctx.Err() == nil
}

// ask tells the agent. It answers with the protection, or with an error or failure, also below a status of 200.
func (g *Guard) ask(ctx context.Context, protect bool) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request := struct {
		ProtectionEnabled bool
		ExpiresInMinutes  int `json:",omitempty"`
	}{ProtectionEnabled: protect}
	if protect {
		request.ExpiresInMinutes = int(expiry / time.Minute)
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, g.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := g.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return err
	}
	var answer struct {
		Protection *struct{ ProtectionEnabled bool } `json:"protection"`
	}
	err = json.Unmarshal(text, &answer)
	if resp.StatusCode != http.StatusOK || err != nil || answer.Protection == nil || answer.Protection.ProtectionEnabled != protect {
		return fmt.Errorf("%s: %s; the task's role needs ecs:UpdateTaskProtection", resp.Status, text)
	}
	return nil
}
