package emulator

import (
	"net/http"
	"strings"
)

// defaultRegion is the region of requests and calls that name none, unless [Config.Region] is another. URLs of its queues have no
// region in them.
const defaultRegion = "us-east-1"

// inRegion names a queue or a schedule group. Each region may have one of the same name.
type inRegion struct{ region, name string }

const maxRegion = 64

// isRegion says whether s can be a region's name, which becomes part of ARNs and URLs: 1 to 64 of a-z 0-9 -.
func isRegion(s string) bool {
	if len(s) < 1 || len(s) > maxRegion {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// partition is the part of AWS that a region belongs to, which ARNs begin with.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// arn is the ARN of a queue, whether there is one or not.
func (e *Emulator) arn(at inRegion) string {
	return "arn:" + partition(at.region) + ":sqs:" + at.region + ":" + e.cfg.AccountID + ":" + at.name
}

// byARN finds a queue, in whatever region; e.mu is held.
func (e *Emulator) byARN(arn string) *queue {
	rest := arn
	var region string
	for range 4 { // arn:PARTITION:SERVICE:REGION:
		var ok bool
		if region, rest, ok = strings.Cut(rest, ":"); !ok {
			return nil
		}
	}
	_, name, _ := strings.Cut(rest, ":")
	if q := e.queues[inRegion{region, name}]; q != nil && q.arn == arn {
		return q
	}
	return nil
}

// requestRegion is the region that a request is signed for, "" where it is not signed or its signature names none. The signature
// itself is not checked.
func requestRegion(r *http.Request) (string, error) {
	region := scopeRegion(credential(r))
	if region != "" && !isRegion(region) {
		f := newFault(coralPrefix+"InvalidSignatureException", "", "Credential should be scoped to a valid region, not '%s'.", region)
		f.status = http.StatusForbidden
		return "", f
	}
	return region, nil
}

// credential is KEY/DATE/REGION/SERVICE/aws4_request, from the Authorization header or a signed URL.
func credential(r *http.Request) string {
	const name = "Credential="
	scheme, fields, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.HasPrefix(scheme, "AWS4-") {
		if r.URL.RawQuery == "" {
			return ""
		}
		return r.URL.Query().Get("X-Amz-Credential")
	}
	at := strings.Index(fields, name)
	if at < 0 {
		return ""
	}
	value := fields[at+len(name):]
	if end := strings.IndexAny(value, ", \t"); end >= 0 {
		value = value[:end]
	}
	return value
}

// scopeRegion takes the region out of a credential. It counts from the end: what stands before the date may have slashes. A
// signature for several regions (SigV4A) has none in its scope.
func scopeRegion(credential string) string {
	scope, ok := strings.CutSuffix(credential, "/aws4_request")
	if !ok {
		return ""
	}
	scope, _, _ = cutLast(scope) // the service
	scope, region, _ := cutLast(scope)
	if _, _, ok = cutLast(scope); !ok { // without the key, or without the region
		return ""
	}
	return region
}

// cutLast cuts a text at its last slash.
func cutLast(s string) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return "", s, false
}
