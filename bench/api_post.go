package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// postResult is what one measurement of POST /tasks/{name} gave.
type postResult struct {
	connections int
	store       string
	elapsed     time.Duration
	latencies   []time.Duration
	requests    int // to SQS
	peak        int64
	cpu         time.Duration
}

func (p postResult) perSecond() float64 { return float64(len(p.latencies)) / p.elapsed.Seconds() }

func (p postResult) sends() float64 { return float64(p.requests) / float64(len(p.latencies)) }

// measurePosts posts jobs over a number of connections, each of which waits for an answer before its next request.
func measurePosts(ctx context.Context, plan apiPlan, connections int, store string) (postResult, error) {
	r := postResult{connections: connections, store: store}
	profile := ""
	if plan.profiles != "" {
		profile = filepath.Join(plan.profiles, fmt.Sprintf("post-%d-%s", connections, store))
	}
	s, err := newSite(ctx, store, profile)
	if err != nil {
		return r, err
	}
	defer s.close()
	client := apiClient(connections)
	defer client.CloseIdleConnections()
	if err := s.endpoint.reset(ctx); err != nil {
		return r, err
	}
	var mu sync.Mutex
	began := time.Now()
	err = callers(connections, plan.posts, func() error {
		called := time.Now()
		_, err := post(ctx, client, s.url, "bench.task")
		took := time.Since(called)
		mu.Lock()
		defer mu.Unlock()
		r.latencies = append(r.latencies, took)
		return err
	})
	r.elapsed = time.Since(began)
	if err != nil {
		return r, err
	}
	c, err := s.endpoint.counts(ctx)
	if err != nil {
		return r, err
	}
	if c.Sent != plan.posts {
		return r, fmt.Errorf("%d jobs were accepted and %d are on the queue", plan.posts, c.Sent)
	}
	r.requests = c.total()
	r.peak, r.cpu = s.stopServer()
	return r, nil
}

// apiClient has as many connections as are asked for, and keeps them.
func apiClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}}
}

// post enqueues a job and returns its ID.
func post(ctx context.Context, client *http.Client, url, task string) (id string, err error) {
	body, err := encode(newParams())
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/tasks/"+task, bytes.NewReader([]byte(body)))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("POST /tasks/%s: %s %s", task, resp.Status, text)
	}
	var job struct {
		ID string `json:"id"`
	}
	err = json.Unmarshal(text, &job)
	return job.ID, err
}
