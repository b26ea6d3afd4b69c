import source from '@mermaid-js/tiny/dist/mermaid.tiny.js?url';
import { useData } from 'vitepress';
import { defineComponent, h, onMounted, ref, watch } from 'vue';

let loading;

/** Loads mermaid, as a script of this site. */
function loadMermaid() {
  loading ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), { src: source, onerror: reject });
    script.onload = () => resolve(window.mermaid);
    document.head.append(script);
  });
  return loading;
}

/** Draws a diagram in the browser, in light or dark colours. Only pages with a diagram load mermaid. */
export const MermaidDiagram = defineComponent({
  props: { text: { type: String, required: true } },
  setup(props) {
    const { isDark } = useData();
    const svg = ref('');
    async function draw() {
      const mermaid = await loadMermaid();
      mermaid.initialize({ startOnLoad: false, theme: isDark.value ? 'dark' : 'neutral', securityLevel: 'strict' });
      svg.value = (await mermaid.render('mermaid-diagram', decodeURIComponent(props.text))).svg;
    }
    onMounted(draw);
    watch(isDark, draw);
    return () => h('div', { innerHTML: svg.value });
  },
});
