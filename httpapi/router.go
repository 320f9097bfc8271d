package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// A handler answers, or returns the error to answer with: a problem, or anything else for a 500.
type handler func(w *response, r *http.Request, arg string) error

// A route is one path with its methods.
type route struct {
	// pattern has at most one {parameter}.
	pattern  string
	segments []string
	methods  map[string]handler
	// open routes are served to everybody.
	open bool
}

func (a *API) table() []*route {
	at := func(pattern, method string, h handler) *route {
		return &route{pattern: pattern, segments: strings.Split(pattern, "/")[1:], methods: map[string]handler{method: h}}
	}
	free := func(r *route) *route {
		r.open = true
		return r
	}
	const get, post = http.MethodGet, http.MethodPost
	return []*route{
		at("/tasks/{name}", post, a.enqueue),
		at("/jobs", get, a.withStore(a.list)),
		at("/jobs/{id}", get, a.withStore(a.job)),
		at("/jobs/{id}/events", get, a.withStore(a.events)),
		at("/jobs/{id}/cancel", post, a.withStore(a.cancel)),
		at("/queues", get, a.queues),
		free(at("/healthz", get, a.healthz)),
		free(at("/readyz", get, a.readyz)),
		at("/metrics", get, a.showMetrics),
		at("/openapi.json", get, a.showOpenAPI),
	}
}

// find returns the route of a path and the value of its parameter. Segments are unescaped one by one, so that an escaped
// slash is part of a value.
func (a *API) find(u *url.URL) (rt *route, arg string) {
	segments := strings.Split(u.EscapedPath(), "/")
	if segments[0] != "" {
		return nil, ""
	}
	segments = segments[1:]
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil || !utf8.ValidString(plain) {
			return nil, ""
		}
		segments[i] = plain
	}
	for _, rt := range a.routes {
		if arg, ok := rt.match(segments); ok {
			return rt, arg
		}
	}
	return nil, ""
}

func (rt *route) match(segments []string) (arg string, ok bool) {
	if len(segments) != len(rt.segments) {
		return "", false
	}
	for i, want := range rt.segments {
		switch {
		case want[0] == '{' && segments[i] != "":
			arg = segments[i]
		case want != segments[i]:
			return "", false
		}
	}
	return arg, true
}

// handler returns what answers the method. A route for GET answers HEAD too; the server leaves out the body.
func (rt *route) handler(method string) handler {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return rt.methods[method]
}

func (rt *route) allow() string {
	var methods []string
	for m := range rt.methods {
		methods = append(methods, m)
		if m == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// dispatch finds the route and calls its handler.
func (a *API) dispatch(w *response, r *http.Request) error {
	rt, arg := a.find(r.URL)
	if rt != nil {
		w.pattern = rt.pattern
	}
	if (rt == nil || !rt.open) && !admitted(r) {
		if err := a.admit(r); err != nil {
			return err
		}
	}
	if rt == nil || !rt.open {
		if err := a.sameSite(r); err != nil {
			return err
		}
	}
	if rt == nil {
		return newProblem(http.StatusNotFound, slugNotFound, "The routes are described at "+a.link("openapi.json")+".")
	}
	h := rt.handler(r.Method)
	if h == nil {
		return newProblem(http.StatusMethodNotAllowed, slugMethod, "Allowed: "+rt.allow()+".").with("Allow", rt.allow())
	}
	return h(w, r, arg)
}

// query returns the query's parameters. It refuses those that the route does not have: a misspelt countdown that is
// ignored would run the job at once.
func query(r *http.Request, known ...string) (map[string]string, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, slugInvalidRequest, "The query can't be read.")
	}
	given := map[string]string{}
	for name, value := range values {
		switch {
		case !slices.Contains(known, name):
			there := "none"
			if len(known) > 0 {
				there = strings.Join(known, ", ")
			}
			return nil, invalid(shorten(strings.ToValidUTF8(name, "?"), 100), "is not a parameter of this request; it has %s", there)
		case len(value) > 1:
			return nil, invalid(name, "is given %d times", len(value))
		case !utf8.ValidString(value[0]):
			return nil, invalid(name, "is not valid UTF-8")
		}
		given[name] = value[0]
	}
	return given, nil
}
