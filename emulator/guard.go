package emulator

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// guard refuses what a web page may have sent: a name that was made to point here (DNS rebinding), another origin.
func (e *Emulator) guard(r *http.Request) error {
	if host := hostname(r.Host); !isAddress(host) && !e.allowed(host) {
		return faultDenied("The host %q is not served. Use an address, or allow the name (--allow-host).", host)
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) || u.Host == "" {
			return faultDenied("Requests from the web page %q are refused.", origin)
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return faultDenied("Requests from another web page are refused.")
	}
	return nil
}

func (e *Emulator) allowed(host string) bool {
	return slices.ContainsFunc(e.cfg.AllowedHosts, func(name string) bool {
		return host != "" && strings.EqualFold(name, host)
	})
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// isAddress reports whether a host is an IP address or localhost: no name that somebody could make to point here.
func isAddress(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

func faultDenied(format string, args ...any) error {
	f := newFault(coralPrefix+"AccessDeniedException", "", format, args...)
	f.status = http.StatusForbidden
	return f
}
