#!/bin/sh
# Prints Lighthouse's scores of pages, each as on a phone and as on a desktop, and what it finds wrong with them.
#
#     bench/lighthouse.sh http://127.0.0.1:8000/player.html http://127.0.0.1:8000/dashboard.html http://127.0.0.1:8000/s/TOKEN
#
# Needs Chromium, Node, and Lighthouse in a folder outside the checkout: npm install --prefix /tmp/lighthouse lighthouse
# (LIGHTHOUSE: that folder, when it is another one). On a machine that does anything else the blocking time means nothing.
set -eu
folder=${LIGHTHOUSE:-/tmp/lighthouse}
CHROME_PATH=${CHROME_PATH:-$(command -v chromium || command -v google-chrome)}
export CHROME_PATH
report=$(mktemp)
trap 'rm -f "$report"' EXIT
for page in "$@"; do
    for preset in phone desktop; do
        form=--form-factor=mobile
        [ $preset = phone ] || form=--preset=desktop
        "$folder/node_modules/.bin/lighthouse" "$page" $form --quiet --output=json --output-path="$report" \
            --only-categories=performance,accessibility,best-practices --chrome-flags="--headless=new --no-sandbox"
        node - "$report" "$page" $preset <<'JS'
const [path, page, preset] = process.argv.slice(2);
const { categories, audits } = JSON.parse(require('fs').readFileSync(path, 'utf8'));
const scores = Object.values(categories).map(({ title, score }) => `${title} ${Math.round(100 * score)}`);
console.log(`${page} (${preset}): ${scores.join(', ')}`);
for (const { auditRefs } of Object.values(categories)) {
  for (const { id, weight } of auditRefs) {
    const { score, title, displayValue = '' } = audits[id];
    if (weight > 0 && score !== null && score < 0.9) console.log(`    ${title}: ${displayValue}`);
  }
}
JS
    done
done
