package faultproxy_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coretasks/core/internal/faultproxy"
)

func start(t *testing.T, seed uint64, endpoint http.HandlerFunc) (*faultproxy.Proxy, *httptest.Server) {
	t.Helper()
	target := httptest.NewServer(endpoint)
	t.Cleanup(target.Close)
	p := faultproxy.New(strings.TrimPrefix(target.URL, "http://"), seed, nil)
	front := httptest.NewServer(p)
	t.Cleanup(func() {
		p.Close()
		front.Close()
	})
	return p, front
}

func post(t *testing.T, client *http.Client, url, body string) (status int, answer string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func TestFaults(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 100_000)
	tests := []struct {
		fault      faultproxy.Fault
		carriedOut int64
		status     int    // 0: no answer
		says       string // in the answer
		broken     bool   // the answer can't be had, or not all of it
	}{
		{faultproxy.None, 1, 200, body, false},
		{faultproxy.Slow, 1, 200, body, false},
		{faultproxy.ServerError, 0, 500, "InternalError", false},
		{faultproxy.Unavailable, 0, 503, "<html>", false},
		{faultproxy.Throttled, 0, 400, "RequestThrottled", false},
		{faultproxy.Expired, 0, 403, "ExpiredToken", false},
		{faultproxy.ResetEarly, 0, 0, "", true},
		{faultproxy.ResetLate, 1, 0, "", true},
		{faultproxy.ResetHalfway, 1, 200, "", true},
		{faultproxy.Stall, 0, 0, "", true},
		{faultproxy.StallLate, 1, 0, "", true},
	}
	for _, test := range tests {
		t.Run("fault "+string(test.fault), func(t *testing.T) {
			t.Parallel()
			var carriedOut atomic.Int64
			p, front := start(t, 1, func(w http.ResponseWriter, r *http.Request) {
				carriedOut.Add(1)
				text, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				_, _ = w.Write(text)
			})
			p.Set(test.fault, 1)
			client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{}}
			status, text, err := post(t, client, front.URL, body)
			if status != test.status || test.broken != (err != nil) || !test.broken && !strings.Contains(text, test.says) {
				t.Errorf("status %d, %d bytes, %v", status, len(text), err)
			}
			if got := carriedOut.Load(); got != test.carriedOut {
				t.Errorf("carried out %d times, want %d", got, test.carriedOut)
			}
			if got := p.Counts()[test.fault]; test.fault != faultproxy.None && got != 1 {
				t.Errorf("counted %d faults", got)
			}
			p.Heal()
			if status, _, err := post(t, client, front.URL, body); status != http.StatusOK || err != nil {
				t.Errorf("healed: %d, %v", status, err)
			}
		})
	}
}

// The same seed makes the same requests fail, and a rate is a share of them.
func TestSeedDecides(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (outcome string) {
		p, front := start(t, seed, func(http.ResponseWriter, *http.Request) {})
		p.Set(faultproxy.Throttled, 0.3)
		p.Set(faultproxy.Expired, 0.2)
		for range 200 {
			status, _, err := post(t, front.Client(), front.URL, "")
			if err != nil {
				t.Fatal(err)
			}
			outcome += string(rune('A' + status%26))
		}
		if counts := p.Counts(); counts[faultproxy.Throttled] < 40 || counts[faultproxy.Throttled] > 80 || counts[faultproxy.Expired] < 20 || counts[faultproxy.Expired] > 60 {
			t.Errorf("counts %v of 200", counts)
		}
		return outcome
	}
	first := run(7)
	if run(7) != first {
		t.Error("the same seed gave another sequence")
	}
	if run(8) == first {
		t.Error("another seed gave the same sequence")
	}
}

// A dead endpoint is a connection that ends, not an answer.
func TestDeadEndpoint(t *testing.T) {
	t.Parallel()
	p := faultproxy.New("127.0.0.1:1", 1, nil)
	front := httptest.NewServer(p)
	defer front.Close()
	defer p.Close()
	_, _, err := post(t, front.Client(), front.URL, "")
	if err == nil || !errors.Is(err, io.EOF) {
		t.Errorf("error %v", err)
	}
}
