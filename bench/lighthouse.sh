#!/bin/sh
# Prints Lighthouse's scores of pages, each as on a phone and as on a desktop: the median of three runs, how far they lie
# apart, and what it finds wrong with the page in the middle one.
#
#     at=http://127.0.0.1:8000
#     bench/lighthouse.sh $at/login.html $at/s/TOKEN
#     COOKIE=balanza_session=SECRET bench/lighthouse.sh $at/player.html $at/dashboard.html $at/settings.html $at/users.html
#
# A server with `BALANZA_AUTH=on` has all of these. SECRET: what an administrator's `curl -i -H "Origin: $at" -d
# 'username=NAME&password=PASSWORD&cookie=true' $at/auth/login` sets. TOKEN: the end of a shared file's link. On a server
# without accounts every page opens without a cookie.
#
# Needs Chromium, Node, and Lighthouse in a folder outside the checkout: npm install --prefix /tmp/lighthouse lighthouse
# (LIGHTHOUSE: that folder, when it is another one; RUNS: how many instead of three). The time that scripts take is that of
# this machine, so next to each figure stands its load: above 2 per two cores the performance means nothing.
set -eu
folder=${LIGHTHOUSE:-/tmp/lighthouse}
CHROME_PATH=${CHROME_PATH:-$(command -v chromium || command -v google-chrome)}
export CHROME_PATH
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
printf '{%s}' "${COOKIE:+\"Cookie\": \"$COOKIE\"}" > "$reports/headers.json"
for page in "$@"; do
    for preset in phone desktop; do
        form=--form-factor=mobile
        [ $preset = phone ] || form=--preset=desktop
        rm -f "$reports"/run-*
        for run in $(seq "${RUNS:-3}"); do
            "$folder/node_modules/.bin/lighthouse" "$page" $form --quiet --output=json --output-path="$reports/run-$run" \
                --extra-headers="$reports/headers.json" --only-categories=performance,accessibility,best-practices \
                --chrome-flags="--headless=new --no-sandbox"
        done
        load=$(uptime | sed 's/.*average[s]*: *\([0-9.]*\).*/\1/')
        node - "$page" $preset "$load" "$reports"/run-* <<'JS'
const [page, preset, load, ...paths] = process.argv.slice(2);
const runs = paths.map((path) => JSON.parse(require('fs').readFileSync(path, 'utf8')));
const speed = ({ categories }) => categories.performance.score;
runs.sort((a, b) => speed(a) - speed(b));
const { categories, audits, finalDisplayedUrl } = runs[Math.floor((runs.length - 1) / 2)];
const scores = Object.values(categories).map(({ title, score }) => `${title} ${Math.round(100 * score)}`);
const [least, most] = [runs[0], runs.at(-1)].map((run) => Math.round(100 * speed(run)));
const times = ['first-contentful-paint', 'largest-contentful-paint', 'total-blocking-time', 'cumulative-layout-shift'];
const shown = times.map((id) => `${id.replace(/(\w)\w*-?/g, '$1').toUpperCase()} ${audits[id].displayValue}`);
console.log(`${page} (${preset}): ${scores.join(', ')} (${least}-${most}; ${shown.join(', ')}; load ${load})`);
if (new URL(finalDisplayedUrl).pathname !== new URL(page).pathname) console.log(`    It led to ${finalDisplayedUrl}`);
for (const { auditRefs } of Object.values(categories)) {
  for (const { id, weight } of auditRefs) {
    const { score, title, displayValue = '' } = audits[id];
    if (weight > 0 && score !== null && score < 0.9) console.log(`    ${title}: ${displayValue}`);
  }
}
JS
    done
done
