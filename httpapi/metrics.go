package httpapi

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what GET /metrics shows.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	enqueued *prometheus.CounterVec
	show     http.Handler
}

func newMetrics(to prometheus.Registerer, from prometheus.Gatherer, streams func() int) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "core_http_requests_total", Help: "Requests, by route, method and status; 499 is a client that went before its answer.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "core_http_request_duration_seconds", Help: "How long requests took. Those of event streams last as long as the stream.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, []string{"route"}),
		enqueued: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "core_http_jobs_enqueued_total", Help: "Jobs that the queue has accepted, by task.",
		}, []string{"task"}),
	}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "core_http_streams", Help: "Event streams and waiting requests that are open.",
	}, func() float64 { return float64(streams()) })
	all := []prometheus.Collector{m.requests, m.seconds, m.enqueued, open}
	if to == nil {
		own := prometheus.NewRegistry()
		to, from = own, own
		all = append(all, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	for _, c := range all {
		if err := to.Register(c); err != nil {
			return nil, err
		}
	}
	m.show = promhttp.HandlerFor(from, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, DisableCompression: true})
	return m, nil
}

var knownMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// observe counts a request. What clients invent does not become a label.
func (m *metrics) observe(pattern, method string, status int, took time.Duration) {
	if pattern == "" {
		pattern = "none"
	}
	if !slices.Contains(knownMethods, method) {
		method = "other"
	}
	m.requests.WithLabelValues(pattern, method, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(pattern).Observe(took.Seconds())
}

// showMetrics answers GET /metrics.
func (a *API) showMetrics(w *response, r *http.Request, _ string) error {
	a.metrics.show.ServeHTTP(w, r)
	return nil
}
