// Package faultproxy is an HTTP proxy before one endpoint, which fails as networks and services do: by request, seeded, and
// switched while it serves. A proxy of connections could not lose the answer to a request that was carried out, and that
// is the failure that makes duplicates.
package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"
)

// A Fault is what happens to a request.
type Fault string

// The faults. Those with "Late" in their names come after the endpoint has carried the request out.
const (
	None         Fault = ""
	ServerError  Fault = "500"             // the service's own failure
	Unavailable  Fault = "503 page"        // a load balancer's page instead of the service's answer
	Throttled    Fault = "throttled"       // too many requests
	Expired      Fault = "expired token"   // the credentials have expired
	ResetEarly   Fault = "reset request"   // reset while the request is being read; it is not carried out
	ResetLate    Fault = "answer lost"     // carried out, then reset before the answer
	ResetHalfway Fault = "reset in answer" // carried out, then reset in the middle of the answer
	Slow         Fault = "slow"            // the answer is held back for [Slowness]
	Stall        Fault = "half-open"       // neither carried out nor answered; the connection stays open
	StallLate    Fault = "half-open, late" // carried out and never answered; the connection stays open
)

// All lists the faults.
func All() []Fault {
	return []Fault{ServerError, Unavailable, Throttled, Expired, ResetEarly, ResetLate, ResetHalfway, Slow, Stall, StallLate}
}

// Slowness is how long a [Slow] answer is held back.
const Slowness = 1500 * time.Millisecond

// An Exchange is a request that reached the endpoint, and its answer.
type Exchange struct {
	// Operation is the last part of the X-Amz-Target header.
	Operation string
	// Arrived is when the proxy had read the request.
	Arrived time.Time
	Status  int
	Request []byte
	Answer  []byte
}

// A Proxy stands before an endpoint. Make one with [New], and serve it by an http.Server.
type Proxy struct {
	forward *httputil.ReverseProxy
	watch   func(Exchange)

	mu     sync.Mutex
	random *rand.Rand
	rates  map[Fault]float64
	counts map[Fault]int
	healed chan struct{} // closed, and made anew, by Heal
}

// New returns a proxy of the endpoint at a host and port, without any faults yet. What fails is decided by the seed and the
// order in which requests come. Watch, unless it is nil, is called with each exchange before the client has its answer.
func New(target string, seed uint64, watch func(Exchange)) *Proxy {
	p := &Proxy{
		watch: watch, random: rand.New(rand.NewPCG(seed, 0xfa017)),
		rates: map[Fault]float64{}, counts: map[Fault]int{}, healed: make(chan struct{}),
	}
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", target
			r.Out.Host = r.In.Host // it is part of the signature, and of the queues' URLs
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler) // the endpoint is dead, and so a connection to it ends
		},
	}
	return p
}

// Set makes the share of requests, 0 to 1, that a fault happens to.
func (p *Proxy) Set(f Fault, rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rates[f] = rate
}

// Heal ends all faults. Connections that were half-open are reset.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.rates)
	close(p.healed)
	p.healed = make(chan struct{})
}

// Counts tells how many requests each fault has happened to.
func (p *Proxy) Counts() map[Fault]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// Close is Heal, and closes the connections to the endpoint.
func (p *Proxy) Close() {
	p.Heal()
	p.forward.Transport.(*http.Transport).CloseIdleConnections()
}

func (p *Proxy) draw() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.random.Float64()
	for _, f := range All() {
		if at -= p.rates[f]; at < 0 {
			p.counts[f]++
			return f
		}
	}
	return None
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := p.draw()
	if fault == ResetEarly {
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2) // whatever could be read
		reset(w)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		reset(w) // the client is gone
		return
	}
	arrived := time.Now()
	switch fault {
	case Stall:
		p.stall(r.Context())
		reset(w)
		return
	case ServerError:
		answer(w, http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
		return
	case Throttled:
		answer(w, http.StatusBadRequest, "RequestThrottled", "The request was denied due to request throttling.")
		return
	case Expired:
		answer(w, http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
		return
	case Unavailable:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "<html><body>503 Service Temporarily Unavailable</body></html>")
		return
	}
	out := p.carryOut(r, body, arrived)
	switch fault {
	case Slow:
		p.wait(r.Context(), Slowness)
	case StallLate:
		p.stall(r.Context())
		reset(w)
		return
	case ResetLate:
		reset(w)
		return
	}
	out.send(w, fault == ResetHalfway)
}

// carryOut sends the request to the endpoint. It goes there even if the client leaves: it has been sent.
func (p *Proxy) carryOut(r *http.Request, body []byte, arrived time.Time) *buffered {
	ctx := r.Context()
	if !waits(r) {
		ctx = context.WithoutCancel(ctx)
	}
	r = r.WithContext(ctx)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out := &buffered{header: http.Header{}, status: http.StatusOK}
	p.forward.ServeHTTP(out, r)
	if p.watch != nil {
		p.watch(Exchange{Operation: operation(r), Arrived: arrived, Status: out.status, Request: body, Answer: out.body.Bytes()})
	}
	return out
}

// waits reports whether a request may wait at the endpoint, so that it must learn when the client has gone.
func waits(r *http.Request) bool { return operation(r) == "ReceiveMessage" }

func operation(r *http.Request) string {
	target := r.Header.Get("X-Amz-Target")
	return target[strings.LastIndex(target, ".")+1:]
}

// stall keeps a connection until its client gives up, or all is healed.
func (p *Proxy) stall(ctx context.Context) { p.wait(ctx, time.Hour) }

func (p *Proxy) wait(ctx context.Context, d time.Duration) {
	p.mu.Lock()
	healed := p.healed
	p.mu.Unlock()
	select {
	case <-time.After(d):
	case <-ctx.Done():
	case <-healed:
	}
}

// answer is a failure in the words of the AWS JSON protocol.
func answer(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Query-Error", code+";Sender")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#`+code+`","message":"`+message+`"}`)
}

// reset ends the connection by a TCP reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	abort(conn)
}

func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // unsent data is dropped and the peer gets a reset
	}
	_ = conn.Close()
}

// buffered is an answer in memory.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header         { return b.header }
func (b *buffered) WriteHeader(status int)      { b.status = status }
func (b *buffered) Write(p []byte) (int, error) { return b.body.Write(p) }

// send passes the answer on, or the first half of it.
func (b *buffered) send(w http.ResponseWriter, half bool) {
	maps.Copy(w.Header(), b.header)
	w.WriteHeader(b.status)
	if !half {
		_, _ = b.body.WriteTo(w) // a client that is gone needs no answer
		return
	}
	_, err := w.Write(b.body.Bytes()[:b.body.Len()/2])
	if err = errors.Join(err, http.NewResponseController(w).Flush()); err == nil {
		reset(w)
	}
}
