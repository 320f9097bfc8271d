package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// streamResult is what one measurement of event streams gave.
type streamResult struct {
	streams int
	jobs    int
	events  int
	late    []time.Duration // from the end of a job to the client that sees it, by stream
	peak    int64
}

// measureStreams opens event streams on jobs that wait, lets a worker run them all at once, and waits until each client has
// seen the end of its job.
func measureStreams(ctx context.Context, plan apiPlan, jobs int) (streamResult, error) {
	r := streamResult{streams: plan.streams, jobs: jobs}
	profile := ""
	if plan.profiles != "" {
		profile = filepath.Join(plan.profiles, fmt.Sprintf("streams-%d", jobs))
	}
	s, err := newSite(ctx, storeSQLite, profile)
	if err != nil {
		return r, err
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ids, err := s.enqueueSteps(ctx, jobs)
	if err != nil {
		return r, err
	}

	client := apiClient(plan.streams)
	defer client.CloseIdleConnections()
	var (
		wg      sync.WaitGroup
		open    sync.WaitGroup
		mu      sync.Mutex
		failure error
	)
	open.Add(plan.streams)
	for i := range plan.streams {
		wg.Go(func() {
			seen, err := watch(ctx, client, s.url, ids[i%jobs], open.Done)
			mu.Lock()
			defer mu.Unlock()
			failure = errors.Join(failure, err)
			r.events += seen.events
			r.late = append(r.late, seen.at.Sub(seen.finished))
		})
	}
	open.Wait()
	worker, err := s.core(ctx, "", "worker", "--concurrency", strconv.Itoa(jobs))
	if err != nil {
		return r, err
	}
	defer worker.end()
	wg.Wait()
	r.peak, _ = s.stopServer()
	return r, failure
}

func (s *site) enqueueSteps(ctx context.Context, n int) ([]string, error) {
	client := apiClient(16)
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var ids []string
	err := callers(16, n, func() error {
		id, err := post(ctx, client, s.url, stepsTask)
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// seen is what one client saw.
type seen struct {
	events   int
	finished time.Time // by the record
	at       time.Time // of the end's event
}

// watch follows a job to its end. It calls opened once, when the first event is there or there will be none.
func watch(ctx context.Context, client *http.Client, url, id string, opened func()) (s seen, err error) {
	opened = sync.OnceFunc(opened)
	defer opened()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/jobs/"+id+"/events", nil)
	if err != nil {
		return s, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return s, fmt.Errorf("GET /jobs/%s/events: %s", id, resp.Status)
	}
	kind := ""
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name, found := strings.CutPrefix(lines.Text(), "event: "); found {
			kind = name
		}
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			continue
		}
		s.events++
		opened()
		var record struct {
			FinishedAt time.Time `json:"finished_at"`
			State      string    `json:"state"`
		}
		if err := json.Unmarshal([]byte(data), &record); err != nil {
			return s, err
		}
		if !record.FinishedAt.IsZero() {
			s.finished = record.FinishedAt
		}
		if kind == "end" {
			s.at = time.Now()
			if record.State != "succeeded" {
				return s, fmt.Errorf("job %s ended as %s", id, record.State)
			}
			return s, nil
		}
	}
	return s, fmt.Errorf("the stream of job %s ended before the job: %w", id, errors.Join(lines.Err(), ctx.Err()))
}
