package report

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
)

// metadata is that of a requirement, in values that JSON has.
func metadata(table map[string]any) map[string]any {
	if len(table) == 0 {
		return nil
	}
	return plain(table).(map[string]any)
}

// plain is a value of TOML as one that JSON has: dates and times, infinity and NaN become strings.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		table := make(map[string]any, len(v))
		for key, value := range v {
			table[key] = plain(value)
		}
		return table
	case []map[string]any:
		return each(v, func(table map[string]any) any { return plain(table) })
	case []any:
		return each(v, plain)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return strings.TrimPrefix(strings.ToLower(fmt.Sprint(v)), "+")
		}
	case time.Time: // those of TOML's kinds that have no offset have a location that tells the kind
		layouts := map[string]string{
			"datetime-local": "2006-01-02T15:04:05.999999999", "date-local": "2006-01-02", "time-local": "15:04:05.999999999",
		}
		return v.Format(cmp.Or(layouts[v.Location().String()], time.RFC3339Nano))
	}
	return value
}
