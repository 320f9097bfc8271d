package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// admit decides who is served.
func (a *API) admit(r *http.Request) error {
	switch {
	case a.config.Authorize != nil:
		if !a.config.Authorize(r) {
			return newProblem(http.StatusForbidden, slugForbidden, "")
		}
	case a.config.Token != "":
		if !bearer(r, a.config.Token) {
			return newProblem(http.StatusUnauthorized, slugUnauthorized, "Send the token as \"Authorization: Bearer ...\".").
				with("WWW-Authenticate", `Bearer realm="core"`)
		}
	case !fromLoopback(r):
		return newProblem(http.StatusForbidden, slugForbidden,
			"This server has no token, so it serves only clients on its own machine; set CORE_API_TOKEN to serve others.")
	case !loopbackHost(r.Host):
		// A page of another site whose name resolves to 127.0.0.1 gets here: its browser sends that name.
		return newProblem(http.StatusForbidden, slugForbidden,
			"This server has no token, so it answers only to the names localhost, 127.0.0.1 and [::1]; set CORE_API_TOKEN to use others.")
	}
	return nil
}

// bearer compares hashes, so that the time tells neither the token nor its length.
func bearer(r *http.Request, token string) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, want := sha256.Sum256([]byte(strings.TrimSpace(given))), sha256.Sum256([]byte(token))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// fromLoopback reports whether the client is on this machine. One that a proxy speaks for is not.
func fromLoopback(r *http.Request) bool {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	if r.RemoteAddr == "" || r.RemoteAddr == "@" {
		return true // a Unix socket
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}

func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// sameSite refuses what another website makes a visitor's browser send: state-changing requests, and reads other than a
// followed link.
func (a *API) sameSite(r *http.Request) error {
	refused := newProblem(http.StatusForbidden, slugForbidden, "Requests from pages of other sites are refused.")
	if a.cross.Check(r) != nil {
		return refused
	}
	origin := r.Header.Get("Origin")
	if a.trusted(origin) {
		return nil
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "cross-site", "same-site": // the latter is also a page of another port
		if dest := r.Header.Get("Sec-Fetch-Dest"); r.Header.Get("Sec-Fetch-Mode") != "navigate" || dest != "" && dest != "document" {
			return refused
		}
	case "": // a browser that says less
		if at, err := url.Parse(origin); origin != "" && (err != nil || !strings.EqualFold(at.Host, r.Host)) {
			return refused
		}
	}
	return nil
}

func (a *API) trusted(origin string) bool {
	for _, o := range a.config.TrustedOrigins {
		if o == origin {
			return true
		}
	}
	return false
}
