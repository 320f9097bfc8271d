package web

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// A user is somebody whom the page can be used as.
type user struct {
	ID   int64
	Name string
}

// users are those of the example's sales database.
func users() []user {
	return []user{{1, "Ana Souza"}, {2, "Ben Okafor"}, {3, "Chiara Rossi"}, {4, "Dana Lindqvist (new)"}}
}

const userCookie = "report_user"

// chosenUser is the example's stand-in for a sign-in.
func chosenUser(r *http.Request) int64 {
	if cookie, err := r.Cookie(userCookie); err == nil {
		if id, ok := userNamed(cookie.Value); ok {
			return id
		}
	}
	return users()[0].ID
}

func userNamed(text string) (int64, bool) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false
	}
	for _, u := range users() {
		if u.ID == id {
			return id, true
		}
	}
	return 0, false
}

// chooseUser answers POST /user.
func (a *app) chooseUser(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	id, ok := userNamed(r.PostFormValue("user"))
	if !ok {
		a.answer(w, http.StatusBadRequest, failure{Error: "there is no such user: give 1 to 4", Field: "user"})
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: userCookie, Value: strconv.FormatInt(id, 10), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// local serves only this machine where everybody may be whom they like. The Host header is looked at because a page of
// another site, whose name is made to resolve to this machine, gets here by its visitor's browser.
func (a *app) local(next http.Handler) http.Handler {
	if !a.choose {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := netip.ParseAddrPort(r.RemoteAddr)
		// Whoever a proxy speaks for is somewhere else.
		forwarded := r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("X-Real-Ip") != ""
		if err != nil || forwarded || !client.Addr().Unmap().IsLoopback() || !loopback(r.Host) {
			a.fail(w, http.StatusForbidden, "this page has no real sign-in, so it is served only on the machine that it runs on")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}
